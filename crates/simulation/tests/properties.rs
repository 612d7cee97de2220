//! The same seed gives the same bytes, and the checker of histories sees what is wrong with one.

use stepwell_interpreter::{Event, EventKind, event::codec::encode_record};
use stepwell_simulation::{
    generate::Shape,
    history,
    random::Random,
    run::{self, Options, Ran},
    seed::Workload,
};

fn ran(seed: u64) -> (Workload, Ran) {
    let work = Workload::new(seed, &Shape::default()).expect("generated definitions are valid");
    let ran = run::run(
        &work.program,
        run::about("sim"),
        work.input.clone(),
        &work.outside,
        Vec::new(),
        &Options::default(),
    );
    let ran = ran.unwrap_or_else(|error| panic!("SEED={seed}: {error}"));
    (work, ran)
}

fn bytes(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(events, 0, &mut bytes);
    bytes
}

#[test]
fn the_same_workflow_with_the_same_answers_has_the_same_history_byte_for_byte() {
    for seed in 0..100 {
        let (_, one) = ran(seed);
        let (_, other) = ran(seed);
        assert_eq!(bytes(&one.events), bytes(&other.events), "SEED={seed}");
    }
}

/// Something done to the events at a place.
type Mutation = fn(&mut Vec<Event>, usize);

#[test]
fn a_history_with_an_event_too_few_too_many_or_out_of_place_is_refused() {
    let mut random = Random::new(1);
    for seed in 0..150 {
        let (_, ran) = ran(seed);
        assert!(history::check(&ran.programs, &ran.events).is_ok());
        // The end of a history may be missing: it goes on then.
        let end = ran.events.iter().rposition(|event| matters(&event.kind)).expect("an event");
        let at = random.below(end as u64) as usize;
        let mutations: [(&str, Mutation); 4] = [
            ("left out", |events, at| {
                events.remove(at);
            }),
            ("doubled", |events, at| events.insert(at, events[at].clone())),
            ("swapped with the next", |events, at| events.swap(at, at + 1)),
            ("back in time", |events, at| events[at + 1].time.0 = events[at].time.0 - 1),
        ];
        for (what, mutate) in mutations {
            let mut events = ran.events.clone();
            mutate(&mut events, at);
            let result = history::check(&ran.programs, &events);
            assert!(result.is_err(), "SEED={seed}: event {at} {what} was not seen");
            // With good numbers it is the meaning that must give it away.
            renumber(&mut events);
            if matches!(what, "left out" | "doubled") && matters(&ran.events[at].kind) {
                let result = history::check(&ran.programs, &events);
                assert!(result.is_err(), "SEED={seed}: event {at} {what} and renumbered was not seen");
            }
        }
    }
}

#[test]
fn a_previous_id_that_is_not_that_of_its_chain_is_refused() {
    let mut random = Random::new(2);
    for seed in 0..150 {
        let (_, ran) = ran(seed);
        let mut events = ran.events.clone();
        let at = random.below(events.len() as u64) as usize;
        let changed = match &mut events[at].kind {
            EventKind::StateEntered { previous, .. }
            | EventKind::StateExited { previous, .. }
            | EventKind::TaskScheduled { previous, .. }
            | EventKind::TaskStarted { previous, .. }
            | EventKind::TaskSucceeded { previous, .. }
            | EventKind::ForkSucceeded { previous, .. }
            | EventKind::IterationSucceeded { previous, .. } => {
                *previous = if *previous > 0 { *previous - 1 } else { 1 };
                true
            }
            _ => false,
        };
        if changed {
            assert!(history::check(&ran.programs, &events).is_err(), "SEED={seed}: event {at}");
        }
    }
}

/// Whether a history without the event, or with it twice, is wrong even if its numbers are right. Previous ids are
/// not changed along, so nearly all are.
fn matters(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::WaitStarted { .. } | EventKind::Settled { .. })
}

fn renumber(events: &mut [Event]) {
    let mut id = 0;
    for (ordinal, event) in (0..).zip(events) {
        event.ordinal = ordinal;
        if event.kind.is_visible() {
            id += 1;
            event.history_id = id;
        }
    }
}
