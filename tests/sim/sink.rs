//! Keeps what a run says, and what it posts.

use andante::model::event::Event;
use andante::rollout::posting::Posting;
use andante::run::ports::Sink;
use jiff::Timestamp;
use std::cell::RefCell;
use std::rc::Rc;

/// Lines of one or more runs, in order. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct SimSink {
    run: String,
    lines: Rc<RefCell<Vec<String>>>,
    /// Name and reason of each Event.
    posts: Rc<RefCell<Vec<(String, String)>>>,
}

impl SimSink {
    /// The same lines, under another run's name.
    pub(crate) fn of(&self, run: &str) -> Self {
        Self { run: run.to_owned(), ..self.clone() }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    pub(crate) fn posts(&self) -> Vec<(String, String)> {
        self.posts.borrow().clone()
    }
}

impl Sink for SimSink {
    fn say(&mut self, at: Timestamp, said: &Event) {
        let time = at.strftime("%H:%M:%S%.3f");
        self.lines.borrow_mut().push(format!("{time} {}: {:<7} {}", self.run, said.topic.word(), said.text));
    }

    fn post(&mut self, posting: Posting) {
        let (name, event) = posting.event(&"ns".parse().unwrap(), &self.run);
        self.posts.borrow_mut().push((name, event["reason"].as_str().unwrap().to_owned()));
    }
}
