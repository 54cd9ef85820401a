//! Sockets for echo requests: unprivileged where the kernel allows (`ping_group_range`), raw otherwise.

use socket2::{Domain, MaybeUninitSlice, MsgHdrMut, Protocol, SockAddr, Type};
use std::io::{Error, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::config::options::Icmp;
use crate::net::{Failure, Reason};

pub(super) struct Socket {
    inner: AsyncFd<socket2::Socket>,
    raw: bool,
    v4: bool,
}

pub(super) struct Reply {
    /// From the ICMP header on.
    pub(super) message: Vec<u8>,
    pub(super) hop_limit: Option<u8>,
    pub(super) from: Option<IpAddr>,
}

impl Socket {
    pub(super) fn open(address: IpAddr, options: &Icmp) -> Result<Self, Failure> {
        let v4 = address.is_ipv4();
        let (domain, protocol) =
            if v4 { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
        let datagram = socket2::Socket::new(domain, Type::DGRAM, Some(protocol));
        let (socket, raw) = match datagram {
            Ok(socket) => (socket, false),
            Err(_) => match socket2::Socket::new(domain, Type::RAW, Some(protocol)) {
                Ok(socket) => (socket, true),
                Err(error) => {
                    return Err(Failure::new(
                        Reason::Permission,
                        format!("{error}: widen net.ipv4.ping_group_range or give CAP_NET_RAW"),
                    ));
                }
            },
        };
        let set_up = || -> std::io::Result<AsyncFd<socket2::Socket>> {
            socket.set_nonblocking(true)?;
            if let Some(ttl) = options.ttl {
                if v4 { socket.set_ttl_v4(ttl)? } else { socket.set_unicast_hops_v6(ttl)? }
            }
            if v4 {
                set(&socket, libc::IPPROTO_IP, libc::IP_RECVTTL, 1)?;
            } else {
                set(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1)?;
            }
            if options.dont_fragment && v4 {
                set(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)?;
            }
            if let Some(source) = options.source_ip_address {
                socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
            }
            #[allow(unsafe_code, reason = "the only constructor that is not deprecated")]
            // SAFETY: the socket owns its descriptor and names the same one until it is dropped.
            let registered = unsafe { AsyncFd::register(socket) };
            registered.map_err(Error::from)
        };
        let inner = set_up().map_err(|error| Failure::connect(&error))?;
        Ok(Self { inner, raw, v4 })
    }

    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    pub(super) async fn send(&self, packet: &[u8], address: IpAddr) -> std::io::Result<()> {
        let to = SockAddr::from(SocketAddr::new(address, 0));
        self.inner.async_io(Interest::WRITABLE, |socket| socket.send_to(packet, &to)).await.map(drop)
    }

    pub(super) async fn receive(&self, payload: usize) -> std::io::Result<Reply> {
        self.inner
            .async_io(Interest::READABLE, |socket| receive(socket, payload + 128, self.raw && self.v4))
            .await
    }
}

fn receive(socket: &socket2::Socket, size: usize, with_header: bool) -> std::io::Result<Reply> {
    let mut buffer = vec![MaybeUninit::new(0_u8); size];
    let mut control = [MaybeUninit::new(0_u8); 128];
    let mut from = SockAddr::from(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], 0)));
    let (length, control_length) = {
        let mut slices = [MaybeUninitSlice::new(&mut buffer)];
        let mut header =
            MsgHdrMut::new().with_addr(&mut from).with_buffers(&mut slices).with_control(&mut control);
        let length = socket.recvmsg(&mut header, 0)?;
        (length, header.control_len())
    };
    let mut message = initialised(&buffer, length);
    let mut hop_limit = hop_limit(&initialised(&control, control_length));
    if with_header {
        // A raw version 4 socket hands over the IP header too.
        let header = usize::from(message.first().copied().unwrap_or(0) & 0xf) * 4;
        if header < 20 || message.len() < header {
            return Err(Error::from(ErrorKind::InvalidData));
        }
        hop_limit = message.get(8).copied();
        message.drain(..header);
    }
    let from = from.as_socket().map(|address| address.ip()).filter(|ip| !ip.is_unspecified());
    Ok(Reply { message, hop_limit, from })
}

fn initialised(bytes: &[MaybeUninit<u8>], length: usize) -> Vec<u8> {
    #[allow(unsafe_code, reason = "socket2 takes uninitialised buffers only")]
    // SAFETY: all of these were initialised with zero when they were made.
    bytes.iter().take(length).map(|byte| unsafe { byte.assume_init() }).collect()
}

/// The hop limit in control messages: length (8 bytes), level and type (4 each), then an int.
fn hop_limit(mut control: &[u8]) -> Option<u8> {
    while control.len() >= 20 {
        let length = usize::from_ne_bytes(control.get(..8)?.try_into().ok()?);
        let level = i32::from_ne_bytes(control.get(8..12)?.try_into().ok()?);
        let kind = i32::from_ne_bytes(control.get(12..16)?.try_into().ok()?);
        let value = i32::from_ne_bytes(control.get(16..20)?.try_into().ok()?);
        if (level, kind) == (libc::IPPROTO_IP, libc::IP_TTL)
            || (level, kind) == (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT)
        {
            return u8::try_from(value).ok();
        }
        control = control.get(length.max(16).next_multiple_of(8)..)?;
    }
    None
}

fn set(socket: &socket2::Socket, level: i32, name: i32, value: i32) -> std::io::Result<()> {
    let size = std::mem::size_of::<i32>() as libc::socklen_t;
    #[allow(unsafe_code, reason = "no library at hand knows these options")]
    // SAFETY: the descriptor is open, and the option's value is one int that lives through the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}
