//! SIGINT and SIGTERM ask the job to stop; a second one stops it at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use u2i::Error;

use crate::exit_code;

/// Which signals have come.
pub struct Signals {
    asked: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Result<Self, Error> {
        let signals = Signals { asked: Arc::default(), terminated: Arc::default() };
        signals.register().map_err(|source| Error::Io {
            action: "listen for",
            path: PathBuf::from("signals"),
            source,
        })?;
        Ok(signals)
    }

    #[cfg(unix)]
    fn register(&self) -> std::io::Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
        use signal_hook::flag;
        for (signal, code) in [(SIGINT, exit_code::INTERRUPTED), (SIGTERM, exit_code::TERMINATED)] {
            // In this order, so that the first one does not already find the flag up.
            flag::register_conditional_shutdown(signal, code.into(), Arc::clone(&self.asked))?;
            flag::register(signal, Arc::clone(&self.asked))?;
        }
        flag::register(SIGTERM, Arc::clone(&self.terminated))?;
        // A file that may not grow further is an error of its write, not the end of the process.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(())
    }

    #[cfg(not(unix))]
    fn register(&self) -> std::io::Result<()> {
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&self.asked))?;
        Ok(())
    }

    /// Whether the job is to stop.
    pub fn stop_requested(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it was SIGTERM that asked.
    pub fn terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }
}
