//! A wire to the API server that can be cut: connections stay open, and nothing comes through.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Carries connections on a port of this machine to the API server; it ends when it is dropped.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    through: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// To the server of that URL, such as `https://127.0.0.1:6443`.
    pub async fn to(server: &str) -> Result<Self> {
        let address = server.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let SocketAddr::V4(here) = listener.local_addr()? else {
            unreachable!("bound to an IPv4 address");
        };
        let (through, open) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, address.clone(), open.clone()));
            }
        });
        let port = here.port();
        Ok(Self {
            port,
            through,
            task,
        })
    }

    /// From now on nothing comes through, in neither direction.
    pub fn cut(&self) {
        self.through.send_replace(false);
    }

    /// New connections come through again; the old ones stay dead.
    pub fn mend(&self) {
        self.through.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    address: String,
    mut open: watch::Receiver<bool>,
) -> Result<()> {
    // What is connected while the wire is cut waits until it is mended.
    open.wait_for(|open| *open).await?;
    let mut server = TcpStream::connect(&address).await.context(address)?;
    let cut = async { open.wait_for(|open| !*open).await.map(|_| ()) };
    tokio::select! {
        biased;
        cut = cut => {
            cut?;
            // Both ends stay open and silent until the relay is gone.
            std::future::pending::<()>().await;
        }
        carried = copy_bidirectional(&mut client, &mut server) => {
            carried?;
        }
    }
    Ok(())
}
