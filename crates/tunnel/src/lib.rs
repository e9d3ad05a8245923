//! One local TCP port, one upstream byte stream per accepted connection.
