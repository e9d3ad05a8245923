//! The home folder of a session, posing as `/home/work`: what one finds in a container somebody
//! works in. Written only where a file is missing, so that a kept data folder keeps its changes.

use std::fs;
use std::io;
use std::path::Path;

const README: &str = "\
# Demo session

This folder plays `/home/work` of a compute session on Berth's embedded demo cluster.
Files put here by scp, sftp or rsync are real; they live on this computer and are gone when
the demo cluster stops. Commands run as you, on this computer, with this folder as HOME.

- `train.py`   a training loop without a framework: `python3 train.py`
- `data/`      a small data set
- `logs/`      what earlier runs said
- `id_container`  the private key that opens this session
";

const TRAIN: &str = r#"#!/usr/bin/env python3
"""Fits a line to data/points.csv by gradient descent; no packages needed."""
import csv
import pathlib

here = pathlib.Path(__file__).resolve().parent
with open(here / "data" / "points.csv", newline="") as source:
    points = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(source)]

slope, offset, rate = 0.0, 0.0, 0.002
for epoch in range(1, 2001):
    loss = d_slope = d_offset = 0.0
    for x, y in points:
        error = slope * x + offset - y
        loss += error * error / len(points)
        d_slope += 2 * error * x / len(points)
        d_offset += 2 * error / len(points)
    slope -= rate * d_slope
    offset -= rate * d_offset
    if epoch % 200 == 0:
        print(f"epoch {epoch:5d}  loss {loss:.6f}  y = {slope:.4f} x + {offset:.4f}")
"#;

const CONFIG: &str = "\
model:
  name: line
  init: zeros
train:
  epochs: 2000
  rate: 0.002
data:
  path: data/points.csv
";

/// Creates the home with its files. `name` is the session's.
pub(crate) fn furnish(home: &Path, name: &str) -> io::Result<()> {
    create_private_dir(home)?;
    for folder in ["data", "logs", "checkpoints", ".ssh"] {
        create_private_dir(&home.join(folder))?;
    }
    put(home, "README.md", README)?;
    put(home, "train.py", TRAIN)?;
    put(home, "config.yaml", CONFIG)?;
    put(home, "data/points.csv", &points())?;
    put(home, "data/labels.json", &labels())?;
    put(home, "logs/train-0001.log", &log(name))?;
    put(home, ".bashrc", &bashrc(name))?;
    put(home, ".profile", "[ -r \"$HOME/.bashrc\" ] && . \"$HOME/.bashrc\"\n")?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(home.join("train.py"), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A folder only the user can enter (on Unix).
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Writes a file that only the user can read (on Unix), from the moment it exists.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(content)
}

fn put(home: &Path, name: &str, content: &str) -> io::Result<()> {
    let path = home.join(name);
    if path.exists() { Ok(()) } else { fs::write(path, content) }
}

fn bashrc(name: &str) -> String {
    format!(
        "PS1='work@main1[{name}]:\\w$ '\n\
         PROMPT_COMMAND=\n\
         HISTFILE=\"$HOME/.bash_history\"\n\
         alias ll='ls -l'\n"
    )
}

fn points() -> String {
    let mut text = String::from("x,y\n");
    for step in 0..200_u32 {
        let x = f64::from(step) / 20.0;
        // A fixed zigzag stands in for noise, so that every demo shows the same numbers.
        let noise = (f64::from(step * 37 % 19) - 9.0) / 40.0;
        text.push_str(&format!("{x:.2},{:.4}\n", 1.7 * x + 0.35 + noise));
    }
    text
}

fn labels() -> String {
    let names = ["cat", "dog", "owl"];
    let row = |(id, label)| serde_json::json!({"id": id, "label": label});
    format!("{:#}\n", serde_json::Value::Array((0..24).zip(names.into_iter().cycle()).map(row).collect()))
}

fn log(name: &str) -> String {
    let mut text = format!("[{name}] start, 200 points\n");
    for step in 1..=40_u32 {
        text.push_str(&format!("step {:5}  loss {:.4}\n", step * 50, 2.4 / f64::from(step).sqrt()));
    }
    text.push_str("checkpoint written to checkpoints/last\n");
    text
}
