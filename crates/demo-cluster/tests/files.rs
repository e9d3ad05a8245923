//! Copying files with the stock programs: sftp, scp in both modes, rsync.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use demo_cluster::Options;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn sftp_does_what_a_file_manager_needs() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let sent = noise(20 * 1024 * 1024 + 17);
    fs::write(bridge.path("up"), &sent).unwrap();
    fs::set_permissions(bridge.path("up"), fs::Permissions::from_mode(0o640)).unwrap();
    let local = bridge.folder.path().display().to_string();
    let batch = format!(
        "pwd\n\
         mkdir box\n\
         put -p {local}/up box/first\n\
         get -p /home/work/box/first {local}/down\n\
         rename box/first box/second\n\
         chmod 600 box/second\n\
         ln -s /home/work/box/second box/link\n\
         ln box/second box/hard\n\
         ls -la box\n\
         get box/link {local}/through\n\
         rm box/hard\n\
         cd /\n\
         ls\n\
         cd home/work/box\n\
         pwd\n"
    );
    let output = bridge.sftp(&batch).await.success();
    assert!(output.out.contains("Remote working directory: /home/work\n"), "{}", output.out);
    assert!(output.out.contains("Remote working directory: /home/work/box"), "{}", output.out);
    assert!(output.out.contains("lrwxrwxrwx") && output.out.contains("-rw-------"), "{}", output.out);
    assert!(
        fs::read(bridge.path("down")).unwrap() == sent && fs::read(bridge.path("through")).unwrap() == sent
    );
    let (up, down) = (fs::metadata(bridge.path("up")).unwrap(), fs::metadata(bridge.path("down")).unwrap());
    assert_eq!((up.mtime(), up.mode() & 0o777), (down.mtime(), down.mode() & 0o777));
    assert!(!bridge.home.join("box/hard").exists() && bridge.home.join("box/link").is_symlink());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sftp_errors_are_the_right_ones() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    fs::write(bridge.home.join("full"), "x").unwrap();
    let put = format!("put {} /etc/berth-test", bridge.path("key").display());
    for (command, message) in [
        ("get missing", "not found"),
        ("ls missing", "not found"),
        ("rmdir data", "Failure"),
        ("mkdir data", "Failure"),
        ("rm /home/work", "Permission denied"),
        ("rename full /home/work", "Permission denied"),
        ("get /etc/passwd", "not found"),
        (&put, "No such file or directory"),
        ("ls /home/work/../../etc", "not found"),
    ] {
        let output = bridge.sftp(&format!("{command}\n")).await;
        assert!(output.code == Some(1) && output.err.contains(message), "{command}: {output:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sftp_resumes_and_appends() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let sent = noise(3_000_000);
    fs::write(bridge.path("whole"), &sent).unwrap();
    fs::write(bridge.home.join("part"), &sent[..1_234_567]).unwrap();
    bridge.sftp(&format!("reput {} part\n", bridge.path("whole").display())).await.success();
    assert!(fs::read(bridge.home.join("part")).unwrap() == sent);
    fs::write(bridge.path("half"), &sent[..999]).unwrap();
    bridge.sftp(&format!("reget part {}\n", bridge.path("half").display())).await.success();
    assert!(fs::read(bridge.path("half")).unwrap() == sent);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scp_in_both_modes() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "vision-train").await;
    let tree = bridge.path("tree");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    for (name, size) in [("empty", 0), ("deep/one", 1), ("deep/er/big file", 5_000_000)] {
        fs::write(tree.join(name), noise(size)).unwrap();
    }
    for (mode, target) in
        [("-s", "by-sftp"), ("-O", "by-scp"), ("-s", "/home/work/abs-sftp"), ("-O", "/home/work/abs-scp")]
    {
        let mut up = bridge.scp(&[mode, "-r", "-p"]);
        up.arg(&tree).arg(format!("work@127.0.0.1:{target}"));
        run(up).await.success();
        let back = bridge.path(&format!("back{}", target.replace('/', "-")));
        let mut down = bridge.scp(&[mode, "-r"]);
        down.arg(format!("work@127.0.0.1:{target}")).arg(&back);
        run(down).await.success();
        for name in ["empty", "deep/one", "deep/er/big file"] {
            assert!(
                fs::read(back.join(name)).unwrap() == fs::read(tree.join(name)).unwrap(),
                "{mode} {name}"
            );
        }
    }
    let mut missing = bridge.scp(&[]);
    missing.arg("work@127.0.0.1:nothing-here").arg(bridge.path("x"));
    assert_eq!(run(missing).await.code, Some(1));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsync_both_ways() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "data-prep").await;
    let tree = bridge.path("tree");
    fs::create_dir_all(tree.join("sub")).unwrap();
    fs::write(tree.join("a"), noise(2_000_000)).unwrap();
    fs::write(tree.join("sub/b"), noise(70)).unwrap();
    let mut up = bridge.rsync(&["-a"]);
    up.arg(&tree).arg("work@127.0.0.1:/home/work/mirror/");
    run(up).await.success();
    assert!(fs::read(bridge.home.join("mirror/tree/a")).unwrap() == noise(2_000_000));
    fs::write(bridge.home.join("mirror/tree/a"), noise(2_000_001)).unwrap();
    let mut down = bridge.rsync(&["-a", "--delete"]);
    down.arg("work@127.0.0.1:mirror/tree/").arg(bridge.path("copy"));
    run(down).await.success();
    assert!(fs::read(bridge.path("copy/a")).unwrap() == noise(2_000_001));
    assert_eq!(fs::read(bridge.path("copy/sub/b")).unwrap(), noise(70));
    cluster.stop().await;
}
