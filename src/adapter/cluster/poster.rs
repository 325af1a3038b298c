//! Posts Kubernetes Events beside everything else: a bounded queue, and a task of its own that works it off.
//!
//! Decides that nobody ever waits for an Event: what finds no room in the queue is left out, what fails is tried a few times and left,
//! and where the right to it is missing nothing is posted in that namespace for a while, with one word about it. Depends on requests
//! and the runtime's tasks.

use super::Kube;
use crate::model::api_error::ApiError;
use crate::model::api_kind::ApiKind;
use crate::model::name::Namespace;
use crate::rollout::posting::{API, Posting};
use crate::run::ports::runs::PostsEvents;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// So many wait at most: a rollout has some ten of them in all.
const ROOM: usize = 64;
/// The pauses before a failed one is tried again.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// So long nothing is posted where that was refused: a right that was taken away may come back, and a follower lives for months.
const RESTS: Duration = Duration::from_secs(600);

/// Why nothing is posted, until somebody says so. It is said once.
type PostsRefused = Arc<Mutex<Option<String>>>;

/// Takes Events and posts them, or takes them and does nothing.
#[derive(Debug)]
pub struct Poster {
    work: Option<(Sender<Posting>, JoinHandle<()>)>,
    refusal: PostsRefused,
    /// So long the last one is to be waited for at the end.
    stays: Cell<Duration>,
}

impl Poster {
    /// One that posts by this connection, in the name of `instance`: a pod or a host. Must be called within a runtime.
    pub fn new(kube: &Kube, instance: String) -> Self {
        let refusal = PostsRefused::default();
        let (sender, receiver) = channel(ROOM);
        let task = tokio::spawn(work(kube.clone(), instance, receiver, refusal.clone()));
        Self { work: Some((sender, task)), refusal, stays: Cell::default() }
    }

    /// One that posts nothing.
    pub fn silent() -> Self {
        Self { work: None, refusal: PostsRefused::default(), stays: Cell::default() }
    }

    /// Why nothing is posted, the first time that it is asked for after it is known.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for what is not posted yet, no longer than whoever posted it said.
    pub async fn close(self) {
        let Some((queue, mut task)) = self.work else { return };
        drop(queue);
        if timeout(self.stays.get(), &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl PostsEvents for Poster {
    fn post(&self, posting: Posting) {
        if let Some((queue, _)) = &self.work {
            self.stays.set(posting.stays);
            // Whoever reads Events finds the rest in the log.
            let _ = queue.try_send(posting);
        }
    }
}

async fn work(kube: Kube, instance: String, mut queue: Receiver<Posting>, refusal: PostsRefused) {
    let kind = ApiKind::usual(API, "Event");
    // Rights are given by namespace: what is missing in one says nothing of another.
    let (mut resting, mut said) = (BTreeMap::<Namespace, Instant>::new(), false);
    while let Some(posting) = queue.recv().await {
        resting.retain(|_, until| Instant::now() < *until);
        let kube = posting.namespace.as_ref().map_or_else(|| kube.clone(), |name| kube.of_namespace(name.clone()));
        if resting.contains_key(&kube.namespace) {
            continue;
        }
        let (name, event) = posting.event(&kube.namespace, &instance);
        let mut pauses = PAUSES.iter();
        let refused = loop {
            match kube.create_object(&kind, &name, &event).await {
                Err(error) if error.is_passing() => match pauses.next() {
                    Some(pause) => sleep(*pause).await,
                    None => break None,
                },
                Err(error @ (ApiError::Forbidden(_) | ApiError::NoKind(_))) => break Some(error.to_string()),
                // It is there: told by the process before this one, or by another one that saw the same.
                Ok(_) | Err(_) => break None,
            }
        };
        if let Some(why) = refused {
            resting.insert(kube.namespace.clone(), Instant::now() + RESTS);
            if !std::mem::replace(&mut said, true) {
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        }
    }
}
