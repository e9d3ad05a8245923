//! Which cluster is meant, and as whom: options, `.env`, environment, demo, profile; and how a sign-in goes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use demo_cluster::{LoginRefusal, OTP_CODE, OTP_USER};
use support::{World, finish};

fn names(run: &support::Run) -> Vec<&str> {
    assert_eq!(run.code, 0, "{run:?}");
    run.stdout.lines().collect()
}

#[test]
fn a_file_above_the_folder_wins_over_the_environment() {
    let world = World::new();
    let account = world.account();
    let text = format!(
        "# our cluster\nexport BACKEND_ENDPOINT='{}'\nBACKEND_ACCESS_KEY={}\nBACKEND_SECRET_KEY=\"{}\"\n",
        world.cluster().manager_url(),
        account.access_key,
        account.secret_key
    );
    std::fs::write(world.home.path().join(".env"), text).unwrap();
    let mut command = world.berth(["ps", "--name-only"]);
    command.env("BACKEND_ENDPOINT", "http://127.0.0.1:1");
    assert!(names(&finish(command)).contains(&"data-prep"));
}

#[test]
fn a_broken_file_is_named_with_its_line_and_shows_no_secret() {
    let world = World::new();
    std::fs::write(world.folder().join(".env"), "BACKEND_ENDPOINT=http://x\nBACKEND_SECRET_KEY sesame\n")
        .unwrap();
    let run = world.run(["ps"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("line 2") && run.stderr.contains("env-file"), "{run:?}");
    assert!(!run.stderr.contains("sesame"));
    // Files of other programs are none of our business.
    std::fs::write(world.folder().join(".env"), "export FOO BAR\n").unwrap();
    assert!(world.run(["ps"]).stderr.contains("not-signed-in"));
}

#[test]
fn a_keypair_in_the_environment_is_enough_for_everything() {
    let world = World::new();
    let mut command = world.berth(["ps", "--name-only"]);
    world.keypair_environment(&mut command);
    assert!(names(&finish(command)).contains(&"data-prep"));
    if cfg!(unix) {
        let mut command = world.berth(["ssh", "data-prep", "exit 7"]);
        world.keypair_environment(&mut command);
        let run = finish(command);
        assert_eq!(run.code, 7, "{run:?}");
    }
    let mut command = world.berth(["ps"]);
    world.keypair_environment(&mut command);
    command.env("BACKEND_SECRET_KEY", "wrong");
    let run = finish(command);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(!run.stderr.contains("wrong"));
}

#[test]
fn the_first_endpoint_that_answers_is_taken() {
    let world = World::new();
    let mut command = world.berth(["ps", "--name-only"]);
    world.keypair_environment(&mut command);
    command.env("BACKEND_ENDPOINT", format!("http://127.0.0.1:1,{}", world.cluster().manager_url()));
    assert!(names(&finish(command)).contains(&"data-prep"));
}

#[test]
fn a_one_time_password_is_asked_for() {
    let world = World::new();
    let account = world.account_of(OTP_USER);
    let url = world.cluster().webserver_url();
    let wrong = format!("{}\n{}\n000000\n", account.email, account.password);
    let run = world.with_input(["login", &url], &wrong);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("otp-wrong"), "{run:?}");
    let right = format!("{}\n{}\n{OTP_CODE}\n", account.email, account.password);
    let run = world.with_input(["login", &url], &right);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stderr.contains("One-time Password: ") && run.stderr.contains("✓ Login succeeded."),
        "{run:?}"
    );
    // The login itself is kept.
    assert_eq!(world.run(["ps"]).code, 0);
}

#[test]
fn a_password_that_has_expired_is_changed_on_the_way_in() {
    let world = World::new();
    let (account, url) = (world.account(), world.cluster().webserver_url());
    let control = world.cluster().control();
    control.refuse_login(&account.email, Some(LoginRefusal::PasswordExpired)).unwrap();
    let typed = |words: &[&str]| format!("{}\n{}\n{}", account.email, account.password, words.join("\n"));
    let run = world.with_input(["login", &url], &typed(&[]));
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("password-expired") && run.stderr.contains("Aborted!"), "{run:?}");
    for refused in ["short", &account.password] {
        let run = world.with_input(["login", &url], &typed(&[refused, ""]));
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains("new-password-refused"), "{run:?}");
    }
    let run = world.with_input(["login", &url], &typed(&["winter 2026", ""]));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("New password: ") && run.stderr.contains("✓ Password updated."), "{run:?}");
    assert!(!run.stderr.contains("winter 2026") && !run.stdout.contains("winter 2026"), "{run:?}");
    // The new one is remembered: the login it made is gone, and it makes another.
    control.expire_logins();
    assert!(names(&world.run(["ps", "--name-only"])).contains(&"data-prep"));
}

#[test]
fn a_good_password_is_changed_and_the_new_one_remembered() {
    let world = World::signed_in();
    let account = world.account();
    let run = world.with_input(["update-password"], "guessed\nwinter 2026\n");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("wrong-password"), "{run:?}");
    let run = world.with_input(["update-password"], &format!("{}\nwinter 2026\n", account.password));
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    assert!(run.stderr.ends_with("✓ Password updated.\n"), "{run:?}");
    world.cluster().control().expire_logins();
    assert!(names(&world.run(["ps", "--name-only"])).contains(&"data-prep"));
    let logins = world.cluster().control().requests().iter().filter(|r| r.path == "/server/login").count();
    assert_eq!(logins, 2, "the old one was tried again");
}

#[test]
fn passwords_are_not_taken_from_the_command_line() {
    let world = World::signed_in();
    let before = world.cluster().control().requests().len();
    let run = world.run(["update-password", "sesame", "winter 2026", "winter 2026"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("asked for") && !run.stderr.contains("sesame"), "{run:?}");
    assert_eq!(world.cluster().control().requests().len(), before);
}

#[test]
fn a_keypair_changes_the_password_and_stays_the_keypair() {
    let world = World::new();
    let account = world.account();
    let mut command = world.berth(["update-password"]);
    world.keypair_environment(&mut command);
    let run = support::finish_with_input(command, &format!("{}\nwinter 2026\n", account.password));
    assert_eq!(run.code, 0, "{run:?}");
    let mut command = world.berth(["ps", "--name-only"]);
    world.keypair_environment(&mut command);
    assert!(names(&finish(command)).contains(&"data-prep"));
    let url = world.cluster().webserver_url();
    let run = world.with_input(["login", &url], &format!("{}\nwinter 2026\n", account.email));
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_wrong_password_is_tried_once() {
    let world = World::new();
    let url = world.cluster().webserver_url();
    let run = world.with_input(["login", &url], &format!("{}\nwrong\n", world.account().email));
    assert_eq!(run.code, 1);
    let logins = world.cluster().control().requests().iter().filter(|r| r.path == "/server/login").count();
    assert_eq!(logins, 1);
}

#[test]
fn a_manager_is_signed_in_to_with_a_keypair() {
    let world = World::new();
    let account = world.account();
    let url = world.cluster().manager_url();
    let run = world.with_input(["login", &url], &format!("{}\n{}\n", account.access_key, account.secret_key));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(names(&world.run(["ps", "--name-only"])).contains(&"data-prep"));
    assert_eq!(world.run(["logout"]).code, 0);
    assert_eq!(world.run(["ps"]).code, 1);
}

#[test]
fn two_clusters_are_told_apart_by_profile() {
    let world = World::signed_in();
    let other = World::new();
    let url = other.cluster().webserver_url();
    let account = other.account();
    let run = world.with_input(["login", &url], &format!("{}\n{}\n", account.email, account.password));
    assert_eq!(run.code, 0, "{run:?}");
    other.cluster().control().rename_session("data-prep", "only-there").unwrap();
    assert!(names(&world.run(["ps", "--name-only"])).contains(&"only-there"), "the last one signed in to");
    let first = world.cluster().webserver_url();
    assert!(names(&world.run(["--endpoint", &first, "ps", "--name-only"])).contains(&"data-prep"));
    let port = first.rsplit(':').next().unwrap().to_owned();
    assert_eq!(world.run(["profile", "use", &port]).code, 0);
    assert!(names(&world.run(["ps", "--name-only"])).contains(&"data-prep"));
    if cfg!(unix) {
        let run = world.run(["--endpoint", &url, "ssh", "only-there", "exit 3"]);
        assert_eq!(run.code, 3, "{run:?}");
    }
    assert_eq!(world.run(["profile", "remove", &port]).code, 0);
    let secrets = std::fs::read_to_string(world.data().join("secrets.json")).unwrap();
    assert!(!secrets.contains(&world.account().password));
}

#[test]
#[cfg(unix)]
fn under_its_other_name_it_is_the_client() {
    let world = World::signed_in();
    let link = world.folder().join("backend.ai");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_berth"), &link).unwrap();
    let run = finish(world.program(&link, ["ps", "--name-only"]));
    assert!(names(&run).contains(&"data-prep"));
    let run = finish(world.program(&link, ["vfolder", "list"]));
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("for others, install it"), "{run:?}");
    assert!(finish(world.program(&link, ["--help"])).stdout.contains("backend.ai"));
}

#[test]
fn names_are_completed_from_the_cluster_and_the_cache() {
    let world = World::signed_in();
    let complete = |typed: &str| {
        let mut command = world.berth(["--", "berth", "ssh", typed]);
        command.env("COMPLETE", "fish");
        finish(command).stdout
    };
    let found = complete("v");
    assert!(found.contains("vision-train") && !found.contains("data-prep"), "{found}");
    assert_eq!(world.run(["ps"]).code, 0);
    let before = world.cluster().control().requests().len();
    assert!(complete("data").contains("data-prep"));
    assert_eq!(world.cluster().control().requests().len(), before, "a fresh list is not asked for again");
}

#[test]
fn nobody_else_can_read_what_is_kept() {
    let world = World::signed_in();
    assert_eq!(world.run(["ps"]).code, 0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut folders = vec![world.data()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = path.symlink_metadata().unwrap().permissions().mode();
                assert!(
                    mode & 0o077 == 0 || path.starts_with(world.data().join("logs")),
                    "{} {mode:o}",
                    path.display()
                );
                files += 1;
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        assert!(files > 3);
    }
    let log: String = std::fs::read_dir(world.data().join("logs"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!log.contains(&world.account().password));
}
