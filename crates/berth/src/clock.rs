//! Times as the hosts show them: RFC 3339, UTC.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Now.
pub(crate) fn now() -> String {
    text(SystemTime::now())
}

/// A moment as text, in whole seconds.
pub(crate) fn text(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    moment.replace_nanosecond(0).unwrap_or(moment).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_epoch_is_written_as_people_expect() {
        assert_eq!(super::text(std::time::SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
