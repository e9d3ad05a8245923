//! The side of ssh's `ProxyCommand`.

use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{SOCKET, TAKEN};

/// A relay on this computer that takes longer is stuck.
const TAKES_WITHIN: Duration = Duration::from_secs(5);

/// Takes the connection of the relay that waits in a folder.
pub(crate) fn take_connection(folder: &Path) -> io::Result<UnixStream> {
    let mut connection = UnixStream::connect(folder.join(SOCKET))?;
    connection.set_read_timeout(Some(TAKES_WITHIN))?;
    let mut said = [0];
    connection.read_exact(&mut said)?;
    if said != [TAKEN] {
        return Err(io::ErrorKind::InvalidData.into());
    }
    connection.set_read_timeout(None)?;
    Ok(connection)
}

/// Sends a connection to ssh, over the socket that is standard output.
pub(crate) fn hand_over(connection: &UnixStream) -> io::Result<()> {
    let descriptors = [connection.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    // ssh reads one byte with it.
    sendmsg(std::io::stdout(), &[io::IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
    Ok(())
}
