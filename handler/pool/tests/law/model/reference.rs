//! What the pool is meant to do, in the plainest words: things belong to a tenant, some of them to a user, and nobody
//! else sees them.

use std::collections::BTreeSet;

pub(super) const TENANTS: usize = 5;
/// Two users and an admin.
pub(super) const ADMIN: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Agent,
    Thread,
    File,
    Document,
    Record,
    Run,
}

/// Who acts: a tenant and a user of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor(pub(super) usize, pub(super) usize);

/// What is done. Things are named by their number, whoever made them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Make(Actor, Kind),
    Read(Actor, usize),
    Change(Actor, usize),
    Attach(Actor, usize, usize),
    Remove(Actor, usize),
    List(Actor, Kind),
    Search(Actor),
    Ask(Actor, usize, usize),
    /// An event of the tenant's container that names a thing.
    Event(usize, usize),
    /// The host delivers every job.
    Work,
    /// The timer goes off, and what it promised anew is delivered.
    Sweep,
    Suspend(usize),
    Serve(usize),
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Done,
    /// What was read.
    Text(String),
    Ids(BTreeSet<String>),
    NotFound,
    Forbidden,
    Conflict,
}

#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) tenant: usize,
    pub(super) user: usize,
    pub(super) id: String,
    pub(super) text: String,
    pub(super) alive: bool,
    /// A run's thread.
    pub(super) thread: usize,
    /// It waits for a job: a file to be indexed, a thread for its run to end.
    waits: bool,
    /// The job is in the queue.
    queued: bool,
}

#[derive(Debug)]
pub(super) struct Reference {
    pub(super) things: Vec<Thing>,
    served: [bool; TENANTS],
}

impl Reference {
    pub(super) fn new() -> Self {
        Self { things: Vec::new(), served: [true; TENANTS] }
    }

    /// What is to come of an operation. `made` is the id that it gave, and `text` what it wrote.
    pub(super) fn after(&mut self, op: Op, made: &str, text: &str) -> Outcome {
        use Op::*;
        if let Make(actor, _)
        | Read(actor, _)
        | Change(actor, _)
        | Attach(actor, ..)
        | Remove(actor, _)
        | List(actor, _)
        | Search(actor)
        | Ask(actor, ..) = op
            && !self.served[actor.0]
        {
            return Outcome::Forbidden;
        }
        match op {
            Make(actor, kind) => self.make(actor, kind, made, text),
            Read(actor, n) => match self.sees(actor, n) {
                Ok(()) if self.things[n].kind == Kind::Document => Outcome::Done,
                Ok(()) => Outcome::Text(self.things[n].text.clone()),
                Err(refused) => refused,
            },
            Change(actor, n) => self.change(actor, n, text),
            Attach(actor, thread, file) => self.attach(actor, thread, file, text),
            Remove(actor, n) => self.remove(actor, n),
            List(actor, kind) => Outcome::Ids(self.ids(actor, |thing| thing.kind == kind)),
            Search(actor) => Outcome::Ids(self.ids(actor, |thing| {
                thing.kind == Kind::Document || thing.kind == Kind::File && !thing.waits
            })),
            Ask(actor, thread, agent) => self.ask(actor, thread, agent, made),
            Event(tenant, n) => self.event(tenant, n),
            Work => self.settle(false),
            Sweep => self.settle(true),
            Suspend(tenant) => self.serve(tenant, false),
            Serve(tenant) => self.serve(tenant, true),
        }
    }

    fn make(&mut self, Actor(tenant, user): Actor, kind: Kind, id: &str, text: &str) -> Outcome {
        if kind == Kind::Agent && user != ADMIN {
            return Outcome::Forbidden;
        }
        // A document's id is its writer's to choose: the same again is the same document.
        let same =
            |thing: &&mut Thing| thing.kind == Kind::Document && thing.tenant == tenant && thing.id == id;
        let (text, waits) = (text.to_owned(), kind == Kind::File);
        match self.things.iter_mut().find(same).filter(|_| kind == Kind::Document) {
            Some(known) => (known.text, known.alive) = (text, true),
            None => self.things.push(Thing {
                kind,
                tenant,
                user,
                id: id.to_owned(),
                text,
                alive: true,
                thread: 0,
                waits,
                queued: waits,
            }),
        }
        Outcome::Done
    }

    /// Whether the actor may see a thing.
    fn sees(&self, Actor(tenant, user): Actor, n: usize) -> Result<(), Outcome> {
        let thing = &self.things[n];
        if thing.kind == Kind::Record && thing.tenant != tenant {
            return Err(Outcome::Forbidden);
        }
        // A document's id may be of two tenants.
        if thing.kind == Kind::Document {
            return if self.document(tenant, n).is_some() { Ok(()) } else { Err(Outcome::NotFound) };
        }
        let shared = matches!(thing.kind, Kind::Agent | Kind::Record);
        let there = thing.alive && (thing.kind != Kind::Run || self.things[thing.thread].alive);
        let own = thing.tenant == tenant && (shared || thing.user == user || user == ADMIN);
        if there && own { Ok(()) } else { Err(Outcome::NotFound) }
    }

    fn document(&self, tenant: usize, n: usize) -> Option<usize> {
        let id = &self.things[n].id;
        self.things
            .iter()
            .position(|t| t.kind == Kind::Document && t.tenant == tenant && t.id == *id && t.alive)
    }

    fn change(&mut self, actor: Actor, n: usize, text: &str) -> Outcome {
        let kind = self.things[n].kind;
        if kind == Kind::Agent && actor.1 != ADMIN {
            return Outcome::Forbidden;
        }
        if let Err(refused) = self.sees(actor, n) {
            return refused;
        }
        let thing = &mut self.things[n];
        match kind {
            Kind::Thread if thing.waits => return Outcome::Conflict,
            Kind::Thread => thing.text += text,
            Kind::Agent | Kind::Record => text.clone_into(&mut thing.text),
            Kind::File | Kind::Document | Kind::Run => {}
        }
        Outcome::Done
    }

    fn attach(&mut self, actor: Actor, thread: usize, file: usize, text: &str) -> Outcome {
        for (n, kind) in [(thread, Kind::Thread), (file, Kind::File)] {
            if self.things[n].kind != kind || self.sees(actor, n).is_err() {
                return Outcome::NotFound;
            }
        }
        self.change(actor, thread, text)
    }

    fn remove(&mut self, actor: Actor, n: usize) -> Outcome {
        if self.things[n].kind == Kind::Agent && actor.1 != ADMIN {
            return Outcome::Forbidden;
        }
        if let Err(refused) = self.sees(actor, n) {
            return refused;
        }
        match self.things[n].kind {
            Kind::Thread if self.things[n].waits => return Outcome::Conflict,
            Kind::Document => {
                let own = self.document(actor.0, n).unwrap_or(n);
                self.things[own].alive = false;
            }
            Kind::Run => {}
            _ => self.things[n].alive = false,
        }
        Outcome::Done
    }

    fn ask(&mut self, actor: Actor, thread: usize, agent: usize, made: &str) -> Outcome {
        for (n, kind) in [(thread, Kind::Thread), (agent, Kind::Agent)] {
            if self.things[n].kind != kind || self.sees(actor, n).is_err() {
                return Outcome::NotFound;
            }
        }
        if self.things[thread].waits {
            return Outcome::Conflict;
        }
        (self.things[thread].waits, self.things[thread].queued) = (true, true);
        let (tenant, user, id) = (actor.0, self.things[thread].user, made.to_owned());
        self.things.push(Thing {
            kind: Kind::Run,
            tenant,
            user,
            id,
            text: String::new(),
            alive: true,
            thread,
            waits: false,
            queued: false,
        });
        Outcome::Done
    }

    /// An event is of its container's tenant, whatever it names.
    fn event(&mut self, tenant: usize, n: usize) -> Outcome {
        if !self.served[tenant] {
            return Outcome::Forbidden;
        }
        let thing = &mut self.things[n];
        thing.queued |= thing.kind == Kind::File && thing.tenant == tenant && thing.alive && thing.waits;
        Outcome::Done
    }

    /// Jobs are done, but those of tenants that are not served: they are lost, until the timer renews them.
    fn settle(&mut self, timer: bool) -> Outcome {
        for thing in &mut self.things {
            thing.waits &= !(self.served[thing.tenant] && (thing.queued || timer));
            thing.queued = false;
        }
        Outcome::Done
    }

    fn serve(&mut self, tenant: usize, served: bool) -> Outcome {
        self.served[tenant] = served;
        Outcome::Done
    }

    fn ids(&self, actor: Actor, which: impl Fn(&Thing) -> bool) -> BTreeSet<String> {
        let seen = self.things.iter().enumerate().filter(|(n, thing)| {
            thing.tenant == actor.0 && thing.alive && which(thing) && self.sees(actor, *n).is_ok()
        });
        seen.map(|(_, thing)| thing.id.clone()).collect()
    }
}
