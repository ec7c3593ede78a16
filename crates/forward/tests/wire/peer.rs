//! The far sides: an HTTP peer and a DIMSE peer that answer as they are told, and remember what came.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_core::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{Status, Uid};
use causeway_dimse::{Command, Policy, Proposal, ProposedContext, Refusal, Rejection, Settings, accept};
use causeway_testkit::sample::Sample;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What a peer was sent: the instances of each request, by their place among the samples it knows.
pub(crate) type Seen = Arc<Mutex<Vec<Vec<usize>>>>;

/// An HTTP answer.
pub(crate) struct Answer(pub(crate) u16, pub(crate) String);

impl Answer {
    /// Each instance taken, or failed with a reason.
    pub(crate) fn each(samples: &[Sample], answered: &[(usize, Option<u16>)]) -> Self {
        let list = |failed: bool| {
            let items = answered.iter().filter(|(_, reason)| reason.is_some() == failed);
            let items: Vec<String> = items
                .map(|(at, reason)| {
                    let reason = reason
                        .map(|code| format!(r#","00081197":{{"vr":"US","Value":[{code}]}}"#))
                        .unwrap_or_default();
                    let uid = samples[*at].ids.instance.as_str();
                    format!(r#"{{"00081155":{{"vr":"UI","Value":["{uid}"]}}{reason}}}"#)
                })
                .collect();
            items.join(",")
        };
        let (failed, stored) = (list(true), list(false));
        let mut sequences = Vec::new();
        for (tag, items) in [("00081198", failed), ("00081199", stored)] {
            if !items.is_empty() {
                sequences.push(format!(r#""{tag}":{{"vr":"SQ","Value":[{items}]}}"#));
            }
        }
        Self(200, format!("{{{}}}", sequences.join(",")))
    }

    pub(crate) fn all_taken(samples: &[Sample], these: &[usize]) -> Self {
        let answered: Vec<_> = these.iter().map(|at| (*at, None)).collect();
        Self::each(samples, &answered)
    }
}

/// A STOW-RS peer. `pause`: how long it rests after each 256 KiB, its window being small.
pub(crate) async fn http(
    samples: Vec<Sample>,
    pause: Option<Duration>,
    script: impl Fn(&[Sample], &[usize]) -> Answer + Send + Sync + 'static,
) -> (u16, Seen) {
    let socket = TcpSocket::new_v4().unwrap();
    if pause.is_some() {
        socket.set_recv_buffer_size(64 * 1024).unwrap();
    }
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(16).unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let (kept, peer) = (Arc::clone(&seen), Arc::new((samples, script)));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (kept, peer) = (Arc::clone(&kept), Arc::clone(&peer));
            tokio::spawn(async move {
                let (samples, script) = &*peer;
                while let Some(body) = request(&mut stream, pause).await {
                    // The UIDs of samples are long and random: none begins with another.
                    let has = |sample: &Sample| {
                        let uid = sample.ids.instance.as_str().as_bytes();
                        body.windows(uid.len()).any(|at| at == uid)
                    };
                    let these: Vec<usize> = (0..samples.len()).filter(|at| has(&samples[*at])).collect();
                    kept.lock().unwrap().push(these.clone());
                    let Answer(status, text) = script(samples, &these);
                    let answer = format!(
                        "HTTP/1.1 {status} So\r\nContent-Type: application/dicom+json\r\nContent-Length: {}\r\n\r\n{text}",
                        text.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, seen)
}

/// One request to the end of its chunked body.
async fn request(stream: &mut TcpStream, pause: Option<Duration>) -> Option<Vec<u8>> {
    let (mut read, mut rested_at) = (Vec::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    while !read.ends_with(b"\r\n0\r\n\r\n") {
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&piece[..length]);
        if let Some(pause) = pause
            && read.len() > rested_at + 256 * 1024
        {
            rested_at = read.len();
            tokio::time::sleep(pause).await;
        }
    }
    Some(read)
}

/// Lets anyone in, and takes implicit VR only.
struct Open;

impl Policy for Open {
    fn admit(&self, _proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
        Ok(())
    }
    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        let mut offered = context.transfer_syntaxes.iter();
        let implicit = offered.find(|uid| uid.as_str() == IMPLICIT_VR_LITTLE_ENDIAN);
        implicit.cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }
}

/// A storage SCP that gives each instance the status it is told; `None`: it hangs up instead. Remembers the SOP
/// Instance UIDs that came whole.
pub(crate) async fn scp(
    script: impl Fn(&Uid) -> Option<Status> + Send + Sync + 'static,
) -> (u16, Arc<Mutex<Vec<Uid>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::<Mutex<Vec<Uid>>>::default();
    let (kept, script) = (Arc::clone(&seen), Arc::new(script));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&script)));
        }
    });
    (port, seen)
}

async fn serve(
    stream: TcpStream,
    seen: Arc<Mutex<Vec<Uid>>>,
    script: Arc<impl Fn(&Uid) -> Option<Status>>,
) -> Option<()> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut association = accept(stream, here, &Settings::default(), &Open).await.ok()?;
    while let Some(message) = association.next().await.ok()? {
        let Command::CStoreRq(rq) = message.command else { return None };
        while association.chunk().await.ok()?.is_some() {}
        let instance = rq.sop_instance.clone();
        seen.lock().unwrap().push(instance.clone());
        let status = script(&instance)?;
        association.send(message.context.id, &Command::CStoreRsp(rq.answer(status)), None).await.ok()?;
    }
    Some(())
}
