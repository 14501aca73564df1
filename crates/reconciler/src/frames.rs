//! The frames of a watch: one JSON object per line, of a bounded length.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;
use kubemend_status::Failure;

/// An object is at most 1.5 MiB in etcd; as JSON it stays below this.
pub(crate) const FRAME_MAX: usize = 4 * 1024 * 1024;

/// The lines of an open watch.
pub(crate) struct Frames {
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    scanned: usize,
}

impl Frames {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            scanned: 0,
        }
    }

    /// The next line; `None` at a clean end. Nothing is lost where the caller stops waiting.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(line) = self.line() {
                return Ok(Some(line));
            }
            if self.buffer.len() > FRAME_MAX {
                return Err(Failure::TooLarge(FRAME_MAX));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Failure::Lost(error.to_string())),
            }
        }
    }

    fn line(&mut self) -> Option<Bytes> {
        loop {
            let end = self.buffer[self.scanned..]
                .iter()
                .position(|byte| *byte == b'\n');
            let Some(end) = end else {
                self.scanned = self.buffer.len();
                return None;
            };
            let mut line = self.buffer.split_to(self.scanned + end + 1);
            self.scanned = 0;
            line.truncate(line.len() - 1);
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(line.freeze());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: Vec<u8>) -> Vec<Result<Option<Bytes>, Failure>> {
        let mut frames = Frames::new(Body::from(bytes));
        let mut all = Vec::new();
        loop {
            let line = frames.next().await;
            let over = !matches!(line, Ok(Some(_)));
            all.push(line);
            if over {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn lines_come_whole_and_a_torn_one_does_not() {
        let all = lines(b"{\"a\":1}\n\n{\"b\":2}\r\n{\"torn".to_vec()).await;
        let texts: Vec<_> = all
            .iter()
            .map(|line| {
                line.clone()
                    .unwrap()
                    .map(|line| String::from_utf8_lossy(&line).trim().to_owned())
            })
            .collect();
        assert_eq!(
            texts,
            [
                Some("{\"a\":1}".to_owned()),
                Some("{\"b\":2}".to_owned()),
                None
            ]
        );
    }

    #[tokio::test]
    async fn an_endless_line_is_refused() {
        let all = lines(vec![b'x'; FRAME_MAX + 1]).await;
        assert_eq!(all, [Err(Failure::TooLarge(FRAME_MAX))]);
    }
}
