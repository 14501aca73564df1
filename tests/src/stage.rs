//! Where the stories are played: two lanes, one line for each story, and a report for each that fails.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::namespace::Namespace;
use crate::operator::Operator;

/// No story may take longer; those that need most take half of it.
const LONGEST: Duration = Duration::from_mins(7);

type Play = dyn Fn(Rc<Scene>) -> Pin<Box<dyn Future<Output = Result<()>>>>;

/// A proof by its name.
pub struct Story {
    name: &'static str,
    play: Box<Play>,
}

/// A proof, played by that function.
pub fn story<F>(name: &'static str, play: fn(Rc<Scene>) -> F) -> Story
where
    F: Future<Output = Result<()>> + 'static,
{
    let play = Box::new(move |scene| Box::pin(play(scene)) as Pin<Box<dyn Future<Output = _>>>);
    Story { name, play }
}

/// What one story sees: the cluster, the operator, and namespaces of its own.
pub struct Scene {
    /// The cluster with the administrator's rights.
    pub cluster: Cluster,
    /// The operator's process; only stories of the exclusive lane touch it.
    pub operator: Rc<Mutex<Operator>>,
    /// Not all stories are played, so nothing may be concluded from what was not done.
    pub partial: bool,
    story: &'static str,
    namespaces: RefCell<Vec<Namespace>>,
}

impl Scene {
    /// A fresh namespace.
    pub async fn namespace(&self) -> Result<Namespace> {
        let namespace = Namespace::create(&self.cluster, self.story).await?;
        self.namespaces.borrow_mut().push(namespace.clone());
        Ok(namespace)
    }
}

/// The cluster and the operator that all stories share, and how they went.
pub struct Stage {
    cluster: Cluster,
    operator: Rc<Mutex<Operator>>,
    only: Vec<String>,
    /// How many stories went as told.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
}

impl Stage {
    /// With the operator running; `KUBEMEND_STORY=a,g` plays only the stories whose names begin so.
    pub fn new(cluster: Cluster, operator: Operator) -> Self {
        let only = std::env::var("KUBEMEND_STORY").unwrap_or_default();
        let only = only
            .split(',')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect();
        let operator = Rc::new(Mutex::new(operator));
        Self {
            cluster,
            operator,
            only,
            passed: 0,
            failed: 0,
        }
    }

    /// Plays the stories, at most `abreast` at once.
    pub async fn play(&mut self, stories: Vec<Story>, abreast: usize) {
        let seats = Rc::new(Semaphore::new(abreast));
        let mut plays = JoinSet::new();
        for story in stories
            .into_iter()
            .filter(|story| self.is_wanted(story.name))
        {
            let (scene, seats) = (Rc::new(self.scene(story.name)), Rc::clone(&seats));
            plays.spawn_local(async move {
                let _seat = seats.acquire().await;
                perform(&story, scene).await
            });
        }
        while let Some(played) = plays.join_next().await {
            match played {
                Ok(true) => self.passed += 1,
                Ok(false) | Err(_) => self.failed += 1,
            }
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|start| name.starts_with(start.as_str()))
    }

    fn scene(&self, story: &'static str) -> Scene {
        Scene {
            cluster: self.cluster.clone(),
            operator: Rc::clone(&self.operator),
            partial: !self.only.is_empty(),
            story,
            namespaces: RefCell::default(),
        }
    }
}

/// Plays one story, prints its line, and cleans up or reports.
async fn perform(story: &Story, scene: Rc<Scene>) -> bool {
    let began = Instant::now();
    let timed = tokio::time::timeout(LONGEST, (story.play)(Rc::clone(&scene)));
    let result = match tokio::task::spawn_local(timed).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(anyhow!("it takes longer than {} s", LONGEST.as_secs())),
        Err(panic) => Err(anyhow!("it panicked: {panic}")),
    };
    let seconds = began.elapsed().as_secs();
    match &result {
        Ok(()) => println!("story {} ... ok {seconds}s", story.name),
        Err(error) => {
            println!("story {} ... FAILED {seconds}s\n{error:#}", story.name);
            report(&scene).await;
        }
    }
    for namespace in scene.namespaces.take() {
        let _ = namespace.delete().await;
    }
    result.is_ok()
}

/// Everything that a reader needs who was not there.
async fn report(scene: &Scene) {
    let names: Vec<String> = scene
        .namespaces
        .borrow()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    for name in &names {
        for what in [
            ["get", "healingevents", "-o", "yaml"],
            ["get", "healingpolicies", "-o", "yaml"],
            [
                "get",
                "pods,deployments,statefulsets,daemonsets,replicasets,controllerrevisions",
                "-o",
                "wide",
            ],
        ] {
            let mut arguments = what.to_vec();
            arguments.extend(["-n", name]);
            let printed = scene.cluster.kubectl(&arguments).await;
            println!("--- kubectl {}", arguments.join(" "));
            println!("{}", printed.unwrap_or_else(|error| format!("{error:#}")));
        }
    }
    let operator = scene.operator.lock().await;
    println!(
        "--- {}\n{}",
        operator.log().display(),
        operator.log_tail(&names)
    );
}
