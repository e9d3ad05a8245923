//! The operating systems whose programs and files differ.
//!
//! Passed in rather than asked of the compiler, so that every system's output is tested on every system.

/// A family of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Os {
    /// Linux and what is like it.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Os {
    /// The one that runs this program.
    pub fn of_this_computer() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}
