//! Reading the access lists that Windows' own programs print. Plain text work, tested on every system.

/// UTF-16 (little endian, with or without its mark) as `icacls /save` writes it.
pub(super) fn decode_utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).trim_start_matches('\u{feff}').to_owned()
}

/// The identifier in the line that `whoami /user /fo csv /nh` prints: `"host\user","S-1-5-21-…"`.
pub(super) fn sid_of_whoami(line: &str) -> Option<String> {
    let sid = line.trim().rsplit(',').next()?.trim_matches('"');
    let well_formed = sid.starts_with("S-1-") && sid[4..].chars().all(|c| c.is_ascii_digit() || c == '-');
    well_formed.then(|| sid.to_owned())
}

/// True when the discretionary list of a security descriptor (`D:PAI(A;;FA;;;S-1-…)…`) lets in only
/// `own_sid`, the system and administrators: those whom OpenSSH for Windows accepts on a key.
pub(super) fn only_owner(descriptor: &str, own_sid: &str) -> bool {
    // `icacls /save` puts the file name on a line before it.
    let Some(list) = descriptor.lines().map(str::trim).rev().find(|line| line.starts_with("D:")) else {
        return false;
    };
    // No entries at all would mean nobody, `NO_ACCESS_CONTROL` everybody.
    if list.contains("NO_ACCESS_CONTROL") {
        return false;
    }
    let list = list.split("S:(").next().unwrap_or(list);
    list.split('(').skip(1).all(|entry| {
        let entry = entry.split(')').next().unwrap_or(entry);
        let fields: Vec<&str> = entry.split(';').collect();
        let (Some(kind), Some(trustee)) = (fields.first(), fields.get(5)) else { return false };
        // Entries that take rights away harm nobody.
        matches!(*kind, "D" | "OD") || is_allowed(trustee, own_sid)
    })
}

fn is_allowed(trustee: &str, own_sid: &str) -> bool {
    match trustee {
        "SY" | "S-1-5-18" | "BA" | "S-1-5-32-544" | "OW" | "S-1-3-4" => true,
        // The built-in administrator's own account is abbreviated.
        "LA" => own_sid.ends_with("-500"),
        other => other.eq_ignore_ascii_case(own_sid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

    #[test]
    fn the_owner_alone_is_private() {
        assert!(only_owner(&format!("key\r\nD:PAI(A;;FA;;;{ME})\r\n"), ME));
        assert!(only_owner(&format!("key\r\nD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;{ME})"), ME));
    }

    #[test]
    fn users_everyone_and_other_accounts_are_not() {
        for other in ["BU", "WD", "AU", "S-1-5-21-1004336348-1177238915-682003330-1002"] {
            assert!(
                !only_owner(&format!("key\r\nD:PAI(A;;FA;;;{ME})(A;;0x1200a9;;;{other})"), ME),
                "{other}"
            );
        }
    }

    #[test]
    fn an_entry_that_denies_does_no_harm() {
        assert!(only_owner(&format!("key\nD:P(D;;FA;;;WD)(A;;FA;;;{ME})"), ME));
    }

    #[test]
    fn nonsense_is_not_private() {
        for text in ["", "key", "D:NO_ACCESS_CONTROL", "D:(A;;FA)", "(A;;FA;;;SY)"] {
            assert!(!only_owner(text, ME), "{text}");
        }
    }

    #[test]
    fn the_builtin_administrator_is_known_by_its_short_name() {
        assert!(only_owner("D:P(A;;FA;;;LA)", "S-1-5-21-1-2-3-500"));
        assert!(!only_owner("D:P(A;;FA;;;LA)", ME));
    }

    #[test]
    fn whoami_is_read_in_any_language() {
        assert_eq!(sid_of_whoami(&format!("\"데스크톱\\김 진\",\"{ME}\"\r\n")).as_deref(), Some(ME));
        assert_eq!(sid_of_whoami("\"host\\a,b\",\"not a sid\""), None);
        assert_eq!(sid_of_whoami(""), None);
    }

    #[test]
    fn the_file_of_icacls_is_utf16() {
        let bytes: Vec<u8> = "\u{feff}키\r\nD:P".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode_utf16(&bytes), "키\r\nD:P");
    }
}
