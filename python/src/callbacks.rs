//! Python objects that are told of progress and of training.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use genre_gpu::backend::StepMetrics;
use genre_gpu::progress::Progress;
use genre_gpu::train::TrainObserver;
use genre_gpu::train::history::Epoch;
use genre_gpu::train::runs::RunObserver;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Time between two looks at Ctrl-C, which take the interpreter's lock.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(50);

/// A Python object with the methods `begin(label, total, unit)`, `advance(by)`, `end()`, `note(text)`,
/// `warn(text)`, `epoch_begin(epoch, epochs, samples)`, `epoch_end(epoch, figures, seconds) -> bool`
/// (whether to stop), and, if `steps` is true, `step(done, figures)`. The first exception is kept; training stops at it.
pub(crate) struct Listener {
    object: Py<PyAny>,
    steps: bool,
    raised: Mutex<Option<PyErr>>,
    stop: Mutex<Stop>,
}

struct Stop {
    wanted: bool,
    looked: Instant,
}

impl Listener {
    pub(crate) fn new(py: Python<'_>, object: Py<PyAny>) -> PyResult<Self> {
        let steps = object.getattr(py, "steps")?.extract(py)?;
        let stop = Mutex::new(Stop { wanted: false, looked: Instant::now() });
        Ok(Self { object, steps, raised: Mutex::new(None), stop })
    }

    /// The exception that a method or Ctrl-C raised, once.
    pub(crate) fn raised(&self) -> PyResult<()> {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.take().map_or(Ok(()), Err)
    }

    /// Whether an exception was raised, a method asked to stop, or Ctrl-C was pressed.
    pub(crate) fn stops(&self) -> bool {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if !stop.wanted && stop.looked.elapsed() >= BETWEEN_SIGNALS {
            stop.looked = Instant::now();
            if let Err(error) = Python::attach(|py| py.check_signals()) {
                stop.wanted = true;
                self.keep(error);
            }
        }
        stop.wanted
    }

    /// Whether a method asked to stop and none raised; from then on nothing stops the run but Ctrl-C.
    pub(crate) fn ends_early(&self) -> bool {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        !raised
            && std::mem::take(&mut self.stop.lock().unwrap_or_else(PoisonError::into_inner).wanted)
    }

    fn keep(&self, error: PyErr) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.get_or_insert(error);
    }

    fn ask_to_stop(&self) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).wanted = true;
    }

    /// Calls a method; keeps what it raises.
    fn call(&self, method: &str, arguments: impl for<'py> FnOnce(Python<'py>) -> Arguments<'py>) {
        let outcome = Python::attach(|py| {
            let returned = self.object.call_method1(py, method, arguments(py)?)?;
            returned.is_truthy(py)
        });
        match outcome {
            Ok(true) => self.ask_to_stop(),
            Ok(false) => {}
            Err(error) => {
                self.keep(error);
                self.ask_to_stop();
            }
        }
    }
}

type Arguments<'py> = PyResult<Bound<'py, pyo3::types::PyTuple>>;

/// Does work on another thread, while this one, which may be the only one to see signals, looks for Ctrl-C.
pub(crate) fn watched<T: Send>(listener: &Listener, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let watching = std::thread::current();
        let worker = scope.spawn(move || {
            let done = work();
            watching.unpark();
            done
        });
        while !worker.is_finished() {
            std::thread::park_timeout(BETWEEN_SIGNALS);
            listener.stops();
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Progress for Listener {
    fn begin(&self, label: &str, total: u64, unit: &'static str) {
        self.call("begin", |py| (label, total, unit).into_pyobject(py));
    }

    fn advance(&self, by: u64) {
        self.call("advance", |py| (by,).into_pyobject(py));
    }

    fn end(&self) {
        self.call("end", |py| ().into_pyobject(py).map_err(Into::into));
    }

    fn note(&self, text: &str) {
        self.call("note", |py| (text,).into_pyobject(py));
    }

    fn warn(&self, text: &str) {
        self.call("warn", |py| (text,).into_pyobject(py));
    }

    fn stops(&self) -> bool {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).wanted
    }
}

impl TrainObserver for Listener {
    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, _done: usize) {
        self.call("epoch_begin", |py| (epoch, epochs, samples).into_pyobject(py));
    }

    fn step(&self, done: u64, metrics: Option<StepMetrics>) {
        if self.steps {
            let figures = metrics.map(|metrics| (metrics.mean_loss(), metrics.accuracy()));
            self.call("step", |py| (done, figures).into_pyobject(py));
        }
    }

    fn epoch_ends(&self, epoch: usize, _epochs: usize, figures: &Epoch) {
        let &Epoch { loss, accuracy, val_loss, val_accuracy, seconds } = figures;
        self.call("epoch_end", |py| {
            let logs = PyDict::new(py);
            logs.set_item("loss", loss)?;
            logs.set_item("accuracy", accuracy)?;
            logs.set_item("val_loss", val_loss)?;
            logs.set_item("val_accuracy", val_accuracy)?;
            (epoch, logs, seconds).into_pyobject(py)
        });
    }

    fn note(&self, text: &str) {
        Progress::warn(self, text);
    }
}

impl RunObserver for Listener {}
