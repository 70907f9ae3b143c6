//! Runs that train together on one device, which takes every step for all of them at once. Each run
//! has a thread with its own training loop, whose device is a [`Replica`]: what the loop asks of it
//! goes to the thread that has the device. That thread trains and evaluates when every run that has not
//! ended waits for it, and answers all else at once; it waits for nothing but the runs, which wait for
//! nothing but its answers. So a run may end at any time, for whatever reason, and the others go on.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::history::Epoch;
use super::trainer::TrainObserver;
use crate::backend::{
    Augmentation, Backend, Batches, DatasetRef, Evaluation, Optimizer, Replicas, State,
    StepMetrics, StepsDone, Tensor, TrainedAll,
};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::plan::Plan;

/// What a run's training loop says while it runs.
#[derive(Debug)]
pub(super) enum Event {
    AlreadyTrained { epochs: usize },
    EpochBegins { epoch: usize, epochs: usize, samples: usize, done: usize },
    Step { done: u64, metrics: Option<StepMetrics> },
    EpochEnds { epoch: usize, epochs: usize, figures: Epoch },
    Note(String),
}

/// What a run asks of the thread that has the device.
enum Ask<T> {
    Prepare {
        id: u64,
    },
    Train(Call),
    Evaluate {
        id: u64,
    },
    State,
    SetState(State),
    /// The run has ended; without a result if its thread panics.
    End(Option<Result<T>>),
}

/// The arguments of a call of [`Backend::train`].
struct Call {
    /// The data set's [`DatasetRef::id`].
    id: u64,
    order: Vec<u32>,
    augmentations: Vec<Augmentation>,
    seed: u32,
    first_step: u32,
    rates: Vec<f32>,
    optimizer: Optimizer,
}

impl Call {
    fn batches(&self) -> Batches<'_> {
        let Self { order, augmentations, seed, first_step, rates, .. } = self;
        Batches { order, augmentations, seed: *seed, first_step: *first_step, rates }
    }
}

/// What is answered.
enum Answer {
    Progress(StepsDone),
    Trained(Result<(Vec<StepMetrics>, StepsDone)>),
    Evaluated(Result<Evaluation>),
    State(Result<State>),
    Done(Result<()>),
}

/// A run's share of the device: as the device, but for what only explanations ask for.
struct Replica<'a, T> {
    number: usize,
    plan: &'a Plan,
    device: &'a Facts,
    asks: Sender<(usize, Ask<T>)>,
    answers: Receiver<Answer>,
}

/// What a device says of itself.
struct Facts {
    runs: usize,
    description: String,
    identity: String,
    tiles: Option<String>,
    warning: Option<String>,
}

impl<T> Replica<'_, T> {
    fn ask(&self, ask: Ask<T>) -> Result<Answer> {
        let gone = |()| self.fault("the runs that train together were given up");
        self.asks.send((self.number, ask)).map_err(|_| gone(()))?;
        self.answers.recv().map_err(|_| gone(()))
    }

    fn fault(&self, problem: &str) -> Error {
        Error::Gpu { adapter: self.device.description.clone(), problem: problem.into() }
    }

    fn unexpected<U>(&self) -> Result<U> {
        Err(self.fault("a run that trains with others asked for what is not computed for it"))
    }
}

impl<T> Backend for Replica<'_, T> {
    fn plan(&self) -> &Plan {
        self.plan
    }

    fn describe(&self) -> String {
        self.device.description.clone()
    }

    fn identity(&self) -> String {
        self.device.identity.clone()
    }

    fn warning(&self) -> Option<String> {
        self.device.warning.clone()
    }

    fn tiles(&self) -> Option<String> {
        self.device.tiles.clone()
    }

    fn runs_at_once(&self) -> usize {
        self.device.runs
    }

    fn prepare(&mut self, data: DatasetRef<'_>) -> Result<()> {
        match self.ask(Ask::Prepare { id: data.id() })? {
            Answer::Done(done) => done,
            _ => self.unexpected(),
        }
    }

    fn train(
        &mut self,
        data: DatasetRef<'_>,
        batches: &Batches<'_>,
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        let Batches { order, augmentations, seed, first_step, rates } = *batches;
        let (order, augmentations) = (order.to_vec(), augmentations.to_vec());
        let rates = rates.to_vec();
        let call = Call { id: data.id(), order, augmentations, seed, first_step, rates, optimizer };
        let mut answer = self.ask(Ask::Train(call))?;
        loop {
            match answer {
                // Whether to stop is decided for all runs at once.
                Answer::Progress(done) => drop(observe(done)),
                Answer::Trained(trained) => {
                    let (metrics, done) = trained?;
                    let _ = observe(done);
                    return Ok(metrics);
                }
                _ => return self.unexpected(),
            }
            let gone = |_| self.fault("the runs that train together were given up");
            answer = self.answers.recv().map_err(gone)?;
        }
    }

    fn evaluate(
        &mut self,
        data: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>> {
        match self.ask(Ask::Evaluate { id: data.id() })? {
            Answer::Evaluated(evaluation) => {
                let metrics;
                (metrics, *probabilities) = evaluation?;
                Ok(metrics)
            }
            _ => self.unexpected(),
        }
    }

    fn logit_gradients(&mut self, _data: DatasetRef<'_>, _batch: &[u32]) -> Result<()> {
        self.unexpected()
    }

    fn state(&mut self) -> Result<State> {
        match self.ask(Ask::State)? {
            Answer::State(state) => state,
            _ => self.unexpected(),
        }
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        match self.ask(Ask::SetState(state.clone()))? {
            Answer::Done(done) => done,
            _ => self.unexpected(),
        }
    }

    fn tensor(&mut self, _node: NodeId, _what: Tensor) -> Result<Vec<f32>> {
        self.unexpected()
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        self.unexpected()
    }
}

/// Sends what a training loop says to the thread that has the device.
struct Teller {
    number: usize,
    events: Sender<(usize, Event)>,
}

impl Teller {
    fn tell(&self, event: Event) {
        // Nobody listens once the runs were given up, which the next call of the device says.
        let _ = self.events.send((self.number, event));
    }
}

impl TrainObserver for Teller {
    fn already_trained(&self, epochs: usize) {
        self.tell(Event::AlreadyTrained { epochs });
    }

    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, done: usize) {
        self.tell(Event::EpochBegins { epoch, epochs, samples, done });
    }

    fn step(&self, done: u64, metrics: Option<StepMetrics>) {
        self.tell(Event::Step { done, metrics });
    }

    fn epoch_ends(&self, epoch: usize, epochs: usize, figures: &Epoch) {
        self.tell(Event::EpochEnds { epoch, epochs, figures: *figures });
    }

    fn note(&self, text: &str) {
        self.tell(Event::Note(text.into()));
    }
}

/// Says that a run has ended, whatever ended it.
struct End<T> {
    number: usize,
    asks: Sender<(usize, Ask<T>)>,
    result: Option<Result<T>>,
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        let _ = self.asks.send((self.number, Ask::End(self.result.take())));
    }
}

/// A run's training loop: given its number, device, observer and whether it is to stop.
type Run<'a, T> =
    dyn Fn(usize, &mut dyn Backend, &dyn TrainObserver, &dyn Fn() -> bool) -> Result<T> + Sync + 'a;

/// Calls `run` for runs 0, 1, … at once, as many as `count`, on the replicas of those numbers, and
/// returns what each returned. `data` are the data sets that they may use. `tell` hears what they
/// say; `stop` is asked as by a run alone, for all of them, and stops all after the same step.
pub(super) fn together<T: Send>(
    count: usize,
    device: &mut dyn Replicas,
    data: &[DatasetRef<'_>],
    run: &Run<'_, T>,
    tell: &mut dyn FnMut(usize, Event),
    stop: &dyn Fn() -> bool,
) -> Vec<Result<T>> {
    let plan = device.plan().clone();
    let facts = Facts {
        runs: count,
        description: device.describe(),
        identity: device.identity(),
        tiles: device.tiles(),
        warning: device.warning(),
    };
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let ((asks, inbox), (tells, events)) = (channel(), channel());
        let mut answers = Vec::with_capacity(count);
        for number in 0..count {
            let (answer, receiver) = channel();
            answers.push(answer);
            let (plan, device, stopped) = (&plan, &facts, &stopped);
            let (own, teller) = (asks.clone(), Teller { number, events: tells.clone() });
            let body = move || {
                let mut end = End { number, asks: own.clone(), result: None };
                let mut replica = Replica { number, plan, device, asks: own, answers: receiver };
                let stop = || stopped.load(Ordering::Relaxed);
                end.result = Some(run(number, &mut replica, &teller, &stop));
            };
            let thread = thread::Builder::new().name(format!("run {number}"));
            if let Err(problem) = thread.spawn_scoped(scope, body) {
                let error = Error::Threads { threads: count, problem: problem.to_string() };
                let _ = asks.send((number, Ask::End(Some(Err(error)))));
            }
        }
        drop((asks, tells));
        let runs = (0..count).map(|_| Waiting::Busy).collect();
        let results = (0..count).map(|_| None).collect();
        let (facts, stopped) = (&facts, &stopped);
        Server { device, facts, data, answers, inbox, events, runs, results, tell, stop, stopped }
            .serve()
    })
}

/// What a run does, as the thread knows that has the device.
enum Waiting {
    /// It computes, and will ask for something or end.
    Busy,
    Train(Call),
    Evaluate(u64),
    Ended,
}

/// The thread that has the device.
struct Server<'a, 'd, T> {
    device: &'a mut dyn Replicas,
    facts: &'a Facts,
    data: &'a [DatasetRef<'d>],
    answers: Vec<Sender<Answer>>,
    inbox: Receiver<(usize, Ask<T>)>,
    events: Receiver<(usize, Event)>,
    runs: Vec<Waiting>,
    results: Vec<Option<Result<T>>>,
    tell: &'a mut dyn FnMut(usize, Event),
    stop: &'a dyn Fn() -> bool,
    stopped: &'a AtomicBool,
}

impl<'d, T> Server<'_, 'd, T> {
    /// Until all runs have ended.
    fn serve(mut self) -> Vec<Result<T>> {
        while !self.runs.iter().all(|run| matches!(run, Waiting::Ended)) {
            if self.runs.iter().any(|run| matches!(run, Waiting::Busy)) {
                // It fails when all threads are gone, each of which has sent its end.
                let Ok((number, ask)) = self.inbox.recv() else { break };
                // What it said before.
                self.events.try_iter().for_each(|(number, event)| (self.tell)(number, event));
                self.take(number, ask);
            } else if let Some(id) = self.first_evaluation() {
                self.evaluate(id);
            } else {
                self.train();
            }
        }
        // None of a thread that panicked, with which the caller panics, too.
        self.events.try_iter().for_each(|(number, event)| (self.tell)(number, event));
        self.results.into_iter().flatten().collect()
    }

    fn take(&mut self, number: usize, ask: Ask<T>) {
        match ask {
            Ask::Prepare { id } => {
                let data = self.data(id);
                let done = data.and_then(|data| self.device.prepare(data));
                self.answer(number, Answer::Done(done));
            }
            Ask::State => {
                let state = self.device.state_of(number);
                self.answer(number, Answer::State(state));
            }
            Ask::SetState(state) => {
                let done = self.device.set_state_of(number, &state);
                self.answer(number, Answer::Done(done));
            }
            Ask::Train(call) => self.runs[number] = Waiting::Train(call),
            Ask::Evaluate { id } => self.runs[number] = Waiting::Evaluate(id),
            Ask::End(result) => {
                self.runs[number] = Waiting::Ended;
                self.results[number] = result;
            }
        }
    }

    fn answer(&self, number: usize, answer: Answer) {
        // A run that waits for it is there.
        let _ = self.answers[number].send(answer);
    }

    fn data(&self, id: u64) -> Result<DatasetRef<'d>> {
        let found = self.data.iter().find(|data| data.id() == id).copied();
        found.ok_or_else(|| Error::Mismatch {
            what: "the data of runs that train together",
            expected: "data in memory that they share".into(),
            found: "others".into(),
        })
    }

    fn first_evaluation(&self) -> Option<u64> {
        self.runs.iter().find_map(|run| match run {
            Waiting::Evaluate(id) => Some(*id),
            _ => None,
        })
    }

    /// Evaluates one data set for all runs that wait for it.
    fn evaluate(&mut self, id: u64) {
        let data = self.data(id);
        let evaluated = data.and_then(|data| self.device.evaluate_all(data));
        let mut evaluated = evaluated.map(|all| all.into_iter().map(Some).collect::<Vec<_>>());
        for number in 0..self.runs.len() {
            if !matches!(self.runs[number], Waiting::Evaluate(own) if own == id) {
                continue;
            }
            self.runs[number] = Waiting::Busy;
            let own = match &mut evaluated {
                Ok(all) => all.get_mut(number).and_then(Option::take).ok_or_else(|| self.lost()),
                Err(error) => Err(self.copy(error)),
            };
            self.answer(number, Answer::Evaluated(own));
        }
    }

    /// Trains all runs, which all wait for it.
    fn train(&mut self) {
        let mut calls = Vec::new();
        for (number, run) in self.runs.iter_mut().enumerate() {
            if matches!(run, Waiting::Train(_)) {
                let Waiting::Train(call) = std::mem::replace(run, Waiting::Busy) else { continue };
                calls.push((number, call));
            }
        }
        let trained = self.train_together(&calls);
        for (number, _) in &calls {
            let own = match &trained {
                Ok(None) => {
                    Ok((Vec::new(), StepsDone { samples: 0, metrics: None, slow_step: None }))
                }
                Ok(Some(trained)) => {
                    let metrics = trained.metrics.get(*number).cloned();
                    let slow_step = trained.slow_step.filter(|_| *number == calls[0].0);
                    metrics
                        .map(|metrics| (metrics, StepsDone { slow_step, ..trained.done(*number) }))
                        .ok_or_else(|| self.lost())
                }
                Err(error) => Err(self.copy(error)),
            };
            self.answer(*number, Answer::Trained(own));
        }
    }

    /// The same without the answers; none if the runs are to stop before the first step.
    fn train_together(&mut self, calls: &[(usize, Call)]) -> Result<Option<TrainedAll>> {
        let Some((_, first)) = calls.first() else { return Ok(None) };
        let differs = |c: &Call| (c.id, c.optimizer) != (first.id, first.optimizer);
        if let Some((_, other)) = calls.iter().find(|(_, call)| differs(call)) {
            return Err(Error::Mismatch {
                what: "runs that train together",
                expected: format!("the same data and {:?}", first.optimizer),
                found: format!("{:?}", other.optimizer),
            });
        }
        let data = self.data(first.id)?;
        let Self { device, answers, events, tell, stop, stopped, .. } = self;
        let ask = || {
            let now = stop();
            stopped.fetch_or(now, Ordering::Relaxed);
            now
        };
        if ask() {
            return Ok(None);
        }
        let batches: Vec<_> =
            calls.iter().map(|(number, call)| (*number, call.batches())).collect();
        let trained = device.train_all(data, &batches, first.optimizer, &mut |done| {
            for (i, (number, _)) in calls.iter().enumerate() {
                let slow_step = done.slow_step.filter(|_| i == 0);
                let _ = answers[*number].send(Answer::Progress(StepsDone { slow_step, ..done }));
            }
            // What the runs said of the progress before.
            events.try_iter().for_each(|(number, event)| tell(number, event));
            if ask() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        // As a run alone does at the end of a call.
        ask();
        Ok(Some(trained))
    }

    fn lost(&self) -> Error {
        let problem = "the device computed fewer replicas than there are runs".into();
        Error::Gpu { adapter: self.facts.description.clone(), problem }
    }

    /// An error that several runs are told of.
    fn copy(&self, error: &Error) -> Error {
        match error {
            Error::Gpu { adapter, problem } => {
                Error::Gpu { adapter: adapter.clone(), problem: problem.clone() }
            }
            other => {
                Error::Gpu { adapter: self.facts.description.clone(), problem: other.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::device::{self, Device, Options};
    use crate::models::Model;
    use crate::random::streams::Stream;
    use crate::train::initial_parameters;

    const SHAPE: [usize; 3] = [12, 20, 1];
    const SAMPLES: usize = 14;
    const BATCH: usize = 4;
    const SGD: Optimizer = Optimizer::sgd(0.01);

    fn plan() -> Plan {
        let graph = Model::open("p1").unwrap().graph(SHAPE, 4).unwrap();
        Plan::new(graph, BATCH).unwrap()
    }

    fn samples() -> (Vec<f32>, Vec<u32>) {
        let mut stream = Stream::new(3, "lockstep");
        let len = SAMPLES * SHAPE.iter().product::<usize>();
        let x = (0..len).map(|_| stream.normal() as f32).collect();
        (x, (0..SAMPLES).map(|_| stream.below(4) as u32).collect())
    }

    fn cpu() -> Box<dyn Backend> {
        let options = Options { threads: 1, ..Options::default() };
        device::open(Device::Cpu, plan(), options).unwrap()
    }

    /// A device that takes the steps of all replicas, one after another, and fails in a call.
    struct Many {
        cpus: Vec<Box<dyn Backend>>,
        calls: usize,
        lost_in: usize,
    }

    impl Many {
        fn new(count: usize) -> Self {
            let cpus = (0..count).map(|_| cpu()).collect();
            Self { cpus, calls: 0, lost_in: usize::MAX }
        }

        fn call(&mut self) -> Result<()> {
            self.calls += 1;
            if self.calls < self.lost_in {
                return Ok(());
            }
            Err(Error::Gpu { adapter: "many".into(), problem: "the device was lost".into() })
        }
    }

    impl Backend for Many {
        fn plan(&self) -> &Plan {
            self.cpus[0].plan()
        }
        fn describe(&self) -> String {
            "many".into()
        }
        fn train(
            &mut self,
            _: DatasetRef<'_>,
            _: &Batches<'_>,
            _: Optimizer,
            _: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<Vec<StepMetrics>> {
            panic!("a replica trains with the others")
        }
        fn evaluate(&mut self, _: DatasetRef<'_>, _: &mut Vec<f32>) -> Result<Vec<StepMetrics>> {
            panic!("a replica is evaluated with the others")
        }
        fn logit_gradients(&mut self, _: DatasetRef<'_>, _: &[u32]) -> Result<()> {
            panic!("not asked for")
        }
        fn state(&mut self) -> Result<State> {
            panic!("not asked for")
        }
        fn set_state(&mut self, _: &State) -> Result<()> {
            panic!("not asked for")
        }
        fn tensor(&mut self, _: NodeId, _: Tensor) -> Result<Vec<f32>> {
            panic!("not asked for")
        }
        fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
            panic!("not asked for")
        }
    }

    impl Replicas for Many {
        fn replicas(&self) -> usize {
            self.cpus.len()
        }
        fn train_all(
            &mut self,
            data: DatasetRef<'_>,
            batches: &[(usize, Batches<'_>)],
            optimizer: Optimizer,
            observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<TrainedAll> {
            self.call()?;
            let mut metrics = vec![Vec::new(); self.cpus.len()];
            let steps = batches[0].1.order.len().div_ceil(BATCH);
            for step in 0..steps {
                for (replica, Batches { order, seed, first_step, .. }) in batches {
                    let order = order.chunks(BATCH).nth(step).unwrap();
                    let first_step = first_step + step as u32;
                    let batch = Batches { seed: *seed, first_step, ..Batches::plain(order) };
                    metrics[*replica]
                        .push(self.cpus[*replica].train_step(data, &batch, optimizer)?);
                }
                let samples = ((step + 1) * BATCH) as u64;
                let done = StepsDone { samples, metrics: None, slow_step: Some(1.0) };
                if observe(done).is_break() {
                    break;
                }
            }
            Ok(TrainedAll { metrics, slow_step: None })
        }
        fn evaluate_all(&mut self, data: DatasetRef<'_>) -> Result<Vec<Evaluation>> {
            self.call()?;
            let evaluate = |cpu: &mut Box<dyn Backend>| {
                let mut probabilities = Vec::new();
                Ok((cpu.evaluate(data, &mut probabilities)?, probabilities))
            };
            self.cpus.iter_mut().map(evaluate).collect()
        }
        fn state_of(&mut self, replica: usize) -> Result<State> {
            self.call()?;
            self.cpus[replica].state()
        }
        fn set_state_of(&mut self, replica: usize, state: &State) -> Result<()> {
            self.call()?;
            self.cpus[replica].set_state(state)
        }
    }

    /// Where a run of three epochs fails.
    #[derive(Clone, Copy, PartialEq)]
    enum Fails {
        Never,
        BeforeItsFirstCall,
        AfterItsFirstCall,
        /// Between training and evaluation of the second epoch.
        BetweenCalls,
        /// When all its epochs are done.
        AtItsEnd,
    }

    /// Three epochs as a training loop takes them; the state in the end, and probabilities.
    fn epochs(
        number: usize,
        backend: &mut dyn Backend,
        data: [DatasetRef<'_>; 2],
        fails: Fails,
        stop: &dyn Fn() -> bool,
    ) -> Result<(State, Vec<f32>, usize)> {
        let fail = |now: Fails| match fails == now {
            true => Err(Error::Threads { threads: number, problem: "fails".into() }),
            false => Ok(()),
        };
        fail(Fails::BeforeItsFirstCall)?;
        let graph = backend.plan().graph().clone();
        backend.set_state(&State::new(initial_parameters(&graph, number as u32)))?;
        fail(Fails::AfterItsFirstCall)?;
        backend.prepare(data[0])?;
        let (mut probabilities, mut steps) = (Vec::new(), 0);
        for epoch in 0..3 {
            if stop() {
                break;
            }
            let order: Vec<u32> =
                (0..SAMPLES as u32).map(|i| (i * 5 + number as u32) % 14).collect();
            let first_step = (epoch * SAMPLES.div_ceil(BATCH)) as u32;
            let batches = Batches { seed: 1, first_step, ..Batches::plain(&order) };
            let go_on = &mut |_| ControlFlow::Continue(());
            let taken = backend.train(data[0], &batches, SGD, go_on)?.len();
            steps += taken;
            if taken < SAMPLES.div_ceil(BATCH) {
                break;
            }
            if epoch == 1 {
                fail(Fails::BetweenCalls)?;
            }
            backend.evaluate(data[1], &mut probabilities)?;
            // As where the best weights are kept: not all runs read them.
            if number.is_multiple_of(2) {
                backend.state()?;
            }
        }
        fail(Fails::AtItsEnd)?;
        Ok((backend.state()?, probabilities, steps))
    }

    type Outcome = Result<(State, Vec<f32>, usize)>;

    fn run(device: &mut Many, fails: &[Fails], stop: &dyn Fn() -> bool) -> Vec<Outcome> {
        let (x, y) = samples();
        let data = [DatasetRef::new(&x, &y), DatasetRef::new(&x, &y)];
        let run = |number: usize,
                   backend: &mut dyn Backend,
                   _: &dyn TrainObserver,
                   stop: &dyn Fn() -> bool| {
            epochs(number, backend, data, fails[number], stop)
        };
        together(fails.len(), device, &data, &run, &mut |_, _| {}, stop)
    }

    fn alone(number: usize) -> (State, Vec<f32>, usize) {
        let (x, y) = samples();
        let data = [DatasetRef::new(&x, &y), DatasetRef::new(&x, &y)];
        epochs(number, cpu().as_mut(), data, Fails::Never, &|| false).unwrap()
    }

    #[test]
    fn a_run_may_fail_anywhere_and_the_others_are_what_they_are_alone() {
        use Fails::{AfterItsFirstCall, AtItsEnd, BeforeItsFirstCall, BetweenCalls, Never};
        for fails in [
            [Never, Never, Never],
            [BeforeItsFirstCall, Never, Never],
            [Never, AfterItsFirstCall, Never],
            [Never, Never, BetweenCalls],
            [AtItsEnd, Never, AfterItsFirstCall],
            [BetweenCalls, BetweenCalls, BetweenCalls],
            [BeforeItsFirstCall, AtItsEnd, BetweenCalls],
        ] {
            let outcomes = run(&mut Many::new(3), &fails, &|| false);
            assert_eq!(outcomes.len(), 3);
            for (number, (outcome, fails)) in outcomes.into_iter().zip(fails).enumerate() {
                match fails {
                    Never => assert!(outcome.unwrap() == alone(number), "run {number}"),
                    _ => assert!(
                        matches!(outcome, Err(Error::Threads { threads, .. }) if threads == number)
                    ),
                }
            }
        }
    }

    /// In whatever call the device is lost, every run is told so and ends.
    #[test]
    fn a_device_that_is_lost_ends_all_runs() {
        let mut device = Many::new(2);
        run(&mut device, &[Fails::Never; 2], &|| false);
        let calls = device.calls;
        for lost_in in 1..=calls {
            let outcomes =
                run(&mut Many { lost_in, ..Many::new(2) }, &[Fails::Never; 2], &|| false);
            let lost = |outcome: &Outcome| {
                outcome.as_ref().is_err_and(|e| e.to_string() == "many: the device was lost")
            };
            // Behind the last evaluation each run asks for states alone, in any order: three calls.
            let lost = outcomes.iter().filter(|outcome| lost(outcome)).count();
            assert!(lost == 2 || lost == 1 && lost_in + 3 > calls, "call {lost_in}: {lost}");
        }
    }

    #[test]
    fn all_runs_stop_after_the_same_step() {
        // Asked before each of the 3 epochs, after each of their 4 steps and behind the last.
        for (checks, steps) in [(1, 0), (2, 1), (4, 3), (5, 4), (6, 4), (7, 4), (8, 5), (100, 12)] {
            let asked = Cell::new(0);
            let stop = || {
                asked.set(asked.get() + 1);
                asked.get() >= checks
            };
            let outcomes = run(&mut Many::new(3), &[Fails::Never; 3], &stop);
            for outcome in outcomes {
                assert_eq!(outcome.unwrap().2, steps, "stopped at check {checks}");
            }
        }
    }

    /// Events reach the listener on its own thread, those of a run in their order, and a slow step is
    /// told of once.
    #[test]
    fn what_runs_say_is_heard_in_order() {
        let (x, y) = samples();
        let data = [DatasetRef::new(&x, &y)];
        let run = |number: usize,
                   backend: &mut dyn Backend,
                   observer: &dyn TrainObserver,
                   _: &dyn Fn() -> bool| {
            observer.epoch_begins(1, 1, SAMPLES, 0);
            let order: Vec<u32> = (0..SAMPLES as u32).collect();
            let mut observe = |done: StepsDone| {
                observer.step(done.samples, done.metrics);
                if done.slow_step.is_some() {
                    observer.note("slow");
                }
                ControlFlow::Continue(())
            };
            backend.train(data[0], &Batches::plain(&order), SGD, &mut observe)?;
            observer.note(&format!("run {number} is done"));
            Ok(())
        };
        let mut heard = vec![Vec::new(); 2];
        let mut tell = |number: usize, event: Event| {
            heard[number].push(match event {
                Event::EpochBegins { .. } => "begins".into(),
                Event::Step { done, metrics } => format!("{done} {}", metrics.is_some()),
                Event::Note(text) => text,
                other => format!("{other:?}"),
            });
        };
        let outcomes = together(2, &mut Many::new(2), &data, &run, &mut tell, &|| false);
        assert!(outcomes.iter().all(Result::is_ok));
        let steps = |text: &[String], slow: bool| {
            let told = text.iter().filter(|text| *text == "slow").count();
            assert_eq!(told, if slow { 4 } else { 0 });
            text.iter().filter(|text| *text != "slow").cloned().collect::<Vec<_>>()
        };
        let mut expected =
            ["begins", "4 false", "8 false", "12 false", "16 false", "14 true", "run 0 is done"]
                .map(String::from);
        assert_eq!(steps(&heard[0], true), expected);
        expected[6] = "run 1 is done".into();
        assert_eq!(steps(&heard[1], false), expected);
    }
}
