//! What FileZilla and Cyberduck want in a file: address, user and key.
//!
//! FileZilla's site manager is the user's; Berth keeps to a folder of its own in it and leaves every other byte alone.
//! A Cyberduck bookmark is a file by itself.

use std::path::{Path, PathBuf};

use super::computer::Computer;
use crate::os::Os;

/// Berth's folder in FileZilla's site manager.
pub(super) const FOLDER: &str = "Berth";

/// A session at a local port, for programs with an SSH of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What the program calls it.
    pub name: String,
    /// A loopback address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user inside the session.
    pub user: String,
    /// The key file; none asks for a password.
    pub key: Option<PathBuf>,
    /// The folder, absolute.
    pub folder: String,
}

/// The site manager is not as FileZilla writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is not as FileZilla writes it")]
pub struct SiteError;

/// FileZilla's file of sites on a computer.
pub fn filezilla_sites(computer: &Computer) -> PathBuf {
    let file = "sitemanager.xml";
    if computer.os == Os::Windows {
        let folder = computer.in_variable("APPDATA", "FileZilla");
        return computer.below(&folder.unwrap_or_else(|| computer.home.clone()), file);
    }
    let old = computer.home.join(".filezilla");
    if (computer.exists)(&old) {
        return old.join(file);
    }
    let config =
        computer.variable("XDG_CONFIG_HOME").map_or_else(|| computer.home.join(".config"), PathBuf::from);
    config.join("filezilla").join(file)
}

/// FileZilla's file with a site put into Berth's folder, in place of one of the same name. `old` is empty where there
/// is no file yet.
///
/// # Errors
/// [`SiteError`] when the file is not as FileZilla writes it; it is then better left alone.
pub fn with_filezilla_site(old: &str, site: &Site) -> Result<String, SiteError> {
    let new = server(site);
    if old.trim().is_empty() {
        return Ok(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<FileZilla3>\n\t<Servers>\n{}\t</Servers>\n</FileZilla3>\n",
            folder(&[&new])
        ));
    }
    if let Some(empty) = ["<Servers />", "<Servers/>"].into_iter().find(|empty| old.contains(empty)) {
        return Ok(old.replacen(empty, &format!("<Servers>\n{}\t</Servers>", folder(&[&new])), 1));
    }
    let start = old.find("<Servers>").ok_or(SiteError)? + "<Servers>".len();
    let end = old.rfind("</Servers>").filter(|end| *end >= start).ok_or(SiteError)?;
    if let Some((from, to)) = own_folder(old, start, end)? {
        let kept: Vec<String> = servers(&old[from..to])?
            .into_iter()
            .filter(|server| !server.contains(&format!("<Name>{}</Name>", escaped(&site.name))))
            .map(|server| format!("\t\t\t{server}\n"))
            .collect();
        let mut all: Vec<&str> = kept.iter().map(String::as_str).collect();
        all.push(&new);
        return Ok(format!(
            "{}{}{}",
            &old[..from],
            folder(&all).trim_start(),
            &old[to..].trim_start_matches('\n')
        ));
    }
    // Before the indent of the closing mark.
    let at = old[start..end].rfind('\n').map_or(end, |line| start + line + 1);
    Ok(format!("{}{}{}", &old[..at], folder(&[&new]), &old[at..]))
}

/// Where Berth's folder stands, from its mark to behind its end.
fn own_folder(text: &str, start: usize, end: usize) -> Result<Option<(usize, usize)>, SiteError> {
    let (mut at, mut depth, mut own) = (start, 0usize, None);
    while let Some(next) = text[at..end].find('<').map(|next| at + next) {
        let close = text[next..end].find('>').map(|close| next + close + 1).ok_or(SiteError)?;
        let mark = &text[next..close];
        if mark.starts_with("<Folder") && !mark.ends_with("/>") {
            let name = text[close..end].split('<').next().unwrap_or_default().trim();
            if depth == 0 && name == FOLDER {
                own = Some(next);
            }
            depth += 1;
        } else if mark == "</Folder>" {
            depth = depth.checked_sub(1).ok_or(SiteError)?;
            if let (0, Some(from)) = (depth, own) {
                return Ok(Some((from, close)));
            }
        }
        at = close;
    }
    if depth == 0 && own.is_none() { Ok(None) } else { Err(SiteError) }
}

fn servers(folder: &str) -> Result<Vec<&str>, SiteError> {
    let mut found = Vec::new();
    let mut rest = folder;
    while let Some(from) = rest.find("<Server>") {
        let to = rest[from..].find("</Server>").ok_or(SiteError)? + from + "</Server>".len();
        found.push(&rest[from..to]);
        rest = &rest[to..];
    }
    Ok(found)
}

fn folder(servers: &[&str]) -> String {
    format!("\t\t<Folder expanded=\"1\">{FOLDER}\n{}\t\t</Folder>\n", servers.concat())
}

fn server(site: &Site) -> String {
    // 1: SFTP. 5: by key file; 2: ask for the password.
    let login = match &site.key {
        Some(key) => format!(
            "<Keyfile>{}</Keyfile>\n\t\t\t\t<Logontype>5</Logontype>",
            escaped(&key.to_string_lossy())
        ),
        None => "<Logontype>2</Logontype>".to_owned(),
    };
    // A path as its kind (Unix), a prefix (none), and each part after its length.
    let parts = site.folder.split('/').filter(|part| !part.is_empty());
    let folder: String = parts.map(|part| format!(" {} {}", part.chars().count(), escaped(part))).collect();
    let lines = [
        format!("<Host>{}</Host>", escaped(&site.host)),
        format!("<Port>{}</Port>", site.port),
        "<Protocol>1</Protocol>".to_owned(),
        "<Type>0</Type>".to_owned(),
        format!("<User>{}</User>", escaped(&site.user)),
        login,
        "<EncodingType>UTF-8</EncodingType>".to_owned(),
        "<BypassProxy>1</BypassProxy>".to_owned(),
        format!("<Name>{}</Name>", escaped(&site.name)),
        format!("<RemoteDir>1 0{folder}</RemoteDir>"),
    ];
    format!("\t\t\t<Server>\n\t\t\t\t{}\n\t\t\t</Server>\n", lines.join("\n\t\t\t\t"))
}

/// A bookmark that Cyberduck opens.
pub fn cyberduck_bookmark(site: &Site) -> String {
    let entry =
        |key: &str, value: &str| format!("\t<key>{key}</key>\n\t<string>{}</string>\n", escaped(value));
    let key = site.key.as_deref().map(|key: &Path| {
        let path = escaped(&key.to_string_lossy());
        format!("\t<key>Private Key File Dictionary</key>\n\t<dict>\n\t\t<key>Path</key>\n\t\t<string>{path}</string>\n\t</dict>\n")
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n{}{}{}{}{}{}{}</dict>\n</plist>\n",
        entry("Protocol", "sftp"),
        entry("Nickname", &site.name),
        entry("Hostname", &site.host),
        entry("Port", &site.port.to_string()),
        entry("Username", &site.user),
        entry("Path", &site.folder),
        key.unwrap_or_default()
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str, port: u16) -> Site {
        Site {
            name: name.into(),
            host: "127.0.0.1".into(),
            port,
            user: "work".into(),
            key: Some("/home/김 & Co/k.ppk".into()),
            folder: "/home/work".into(),
        }
    }

    #[test]
    fn a_site_is_put_in_and_replaced_and_all_else_stays() {
        let first = with_filezilla_site("", &site("train.demo", 1)).unwrap();
        let second = with_filezilla_site(&first, &site("eval.demo", 2)).unwrap();
        let third = with_filezilla_site(&second, &site("train.demo", 3)).unwrap();
        assert!(third.contains("<Port>2</Port>") && third.contains("<Port>3</Port>"));
        assert!(!third.contains("<Port>1</Port>"), "{third}");
        assert_eq!(third.matches("<Folder").count(), 1);
        assert_eq!(with_filezilla_site(&third, &site("train.demo", 3)).unwrap(), third, "as it is");
        assert!(third.contains("<RemoteDir>1 0 4 home 4 work</RemoteDir>"));
        assert!(third.contains("<Keyfile>/home/김 &amp; Co/k.ppk</Keyfile>"));
    }

    const OWN: &str = "<?xml version=\"1.0\"?>\n<FileZilla3 version=\"3.63.0\" platform=\"*nix\">\n\t<Servers>\n\t\t<Folder expanded=\"1\">Work&#x0A;\t\t\t<Folder>Berth\n\t\t\t\t<Server><Name>mine</Name></Server>\n\t\t\t</Folder>\n\t\t</Folder>\n\t\t<Server>\n\t\t\t<Host>example.com</Host>\n\t\t</Server>\n\t</Servers>\n</FileZilla3>\n";

    #[test]
    fn the_users_own_sites_stay_byte_for_byte() {
        let with = with_filezilla_site(OWN, &site("train.demo", 1)).unwrap();
        let (before, after) = OWN.split_at(OWN.find("\t</Servers>").unwrap());
        assert!(with.starts_with(before) && with.ends_with(after), "{with}");
        let again = with_filezilla_site(&with, &site("eval.demo", 2)).unwrap();
        assert!(again.starts_with(before) && again.ends_with(after), "{again}");
    }

    #[test]
    fn an_empty_list_is_filled_and_a_broken_file_is_left_alone() {
        let empty = "<FileZilla3>\n\t<Servers />\n</FileZilla3>\n";
        assert!(with_filezilla_site(empty, &site("a", 1)).unwrap().contains("<Port>1</Port>"));
        for broken in
            ["<FileZilla3/>", "<Servers></Folder></Servers>", "<Servers>\n<Folder>Berth\n</Servers>", "no"]
        {
            assert_eq!(with_filezilla_site(broken, &site("a", 1)), Err(SiteError), "{broken}");
        }
    }
}
