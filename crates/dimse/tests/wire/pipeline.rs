//! Stores that overlap: as many as the acceptor grants, answered in an order of its own, each told apart by its number.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{Status, Uid};
use causeway_dimse::message::CStoreRq;
use causeway_dimse::negotiation::Window;
use causeway_dimse::scu::{
    self, Cargo, Convoy, Fate, Offers, Pace, Pair, Requestor, StoreRequest, Terms, Ticket, WhenBroken, Whole,
};
use causeway_dimse::{
    BodyError, Command, Error, Policy, Proposal, ProposedContext, Refusal, Rejection, Settings, accept,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::common::{CT, HERE, Open, call, uid};

/// As [`Open`], and grants this many operations.
struct Granting(Option<u16>);

impl Policy for Granting {
    fn admit(&self, proposal: &Proposal, from: IpAddr) -> Result<(), Rejection> {
        Open.admit(proposal, from)
    }
    fn choose(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        Open.choose(proposal, context)
    }
    fn window(&self, _proposal: &Proposal, _proposed: Window) -> Option<Window> {
        self.0.map(|invoked| Window { invoked, performed: 1 })
    }
}

/// Takes `count` stores before it answers any, the last first; the one called 1.9 fails. Gives how many there were.
async fn gather<S>(stream: S, granted: Option<u16>, count: usize) -> Result<usize, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut association = accept(stream, HERE, &Settings::default(), &Granting(granted)).await?;
    let mut waiting: Vec<(u8, CStoreRq)> = Vec::new();
    let mut all = 0;
    while let Some(message) = association.next().await? {
        let Command::CStoreRq(request) = message.command else { panic!("something other than a store") };
        while association.chunk().await?.is_some() {}
        waiting.push((message.context.id, request));
        all += 1;
        if waiting.len() == count {
            while let Some((context, request)) = waiting.pop() {
                let fails = request.sop_instance.as_str() == "1.9";
                let status = if fails { Status::OUT_OF_RESOURCES } else { Status::SUCCESS };
                association.send(context, &Command::CStoreRsp(request.answer(status)), None).await?;
            }
        }
    }
    Ok(all)
}

async fn line(offered: u16, granted: Option<u16>, count: usize) -> (Requestor<DuplexStream>, Door) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let door = tokio::spawn(gather(theirs, granted, count));
    let window = Some(Window { invoked: offered, performed: 1 });
    let offers = Offers { window, ..Offers::default() };
    let call = scu::Call { offers, ..call(0, &[(CT, &[EXPLICIT_VR_LITTLE_ENDIAN])]) };
    (scu::associate(ours, &call).await.unwrap(), door)
}

type Door = tokio::task::JoinHandle<Result<usize, Error>>;

async fn begin(line: &mut Requestor<DuplexStream>, number: usize, bytes: usize) -> Result<Ticket, Error> {
    let request = StoreRequest::new(uid(CT), uid(&format!("1.{number}")));
    line.begin(1, request, Whole::new(vec![0; bytes])).await
}

#[tokio::test]
async fn answers_in_reverse_order_each_find_their_request() {
    let (mut line, door) = line(8, Some(4), 4).await;
    assert_eq!(line.operations(), 4);
    let mut tickets = Vec::new();
    for number in 7..11 {
        tickets.push((number, begin(&mut line, number, 100_000).await.unwrap()));
    }
    assert_eq!(line.under_way(), 4);
    assert!(matches!(begin(&mut line, 11, 10).await, Err(Error::Misuse(_))), "the window is full");
    while let Some((number, ticket)) = tickets.pop() {
        let (answered, response) = line.answered().await.unwrap();
        assert_eq!(answered, ticket);
        assert_eq!(response.status == Status::SUCCESS, number != 9);
    }
    assert_eq!(line.under_way(), 0);
    assert!(matches!(line.answered().await, Err(Error::Misuse(_))), "nothing is under way");
    line.release().await.unwrap();
    assert_eq!(door.await.unwrap().unwrap(), 4);
}

#[tokio::test]
async fn without_a_grant_there_is_one_at_a_time() {
    let (mut line, door) = line(8, None, 1).await;
    assert_eq!((line.operations(), line.window()), (1, None));
    for number in 0..3 {
        begin(&mut line, number, 10).await.unwrap();
        assert!(matches!(begin(&mut line, number, 10).await, Err(Error::Misuse(_))));
        line.answered().await.unwrap();
    }
    line.release().await.unwrap();
    assert_eq!(door.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn more_than_one_pipe_holds_goes_through_when_the_answers_are_small() {
    let (mut line, door) = line(64, Some(64), 1).await;
    let mut begun = 0;
    for number in 20..220 {
        if line.under_way() == line.operations() {
            line.answered().await.unwrap();
        }
        begin(&mut line, number, 40_000).await.unwrap();
        begun += 1;
    }
    while line.under_way() > 0 {
        line.answered().await.unwrap();
    }
    line.release().await.unwrap();
    assert_eq!(door.await.unwrap().unwrap(), begun);
}

/// An instance by its number.
struct Load(usize);

impl Pace for Load {}

impl Cargo for Load {
    type Body = Whole;

    fn pair(&self) -> Pair {
        (uid(CT), uid(EXPLICIT_VR_LITTLE_ENDIAN))
    }

    fn request(&self) -> StoreRequest {
        StoreRequest::new(uid(CT), uid(&format!("1.{}", self.0)))
    }

    async fn open(&self, _: Uid) -> Result<Whole, BodyError> {
        Ok(Whole::new(vec![7; 5_000]))
    }
}

/// Takes associations one after another, each as `gather` does; the first `broken` of them end after three stores
/// without any answer.
async fn door(listener: TcpListener, broken: usize, granted: u16, count: usize) {
    for number in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        if number < broken {
            let granting = Granting(Some(granted));
            let mut association = accept(stream, HERE, &Settings::default(), &granting).await.unwrap();
            for _ in 0..3 {
                assert!(association.next().await.unwrap().is_some());
                while association.chunk().await.unwrap().is_some() {}
            }
        } else {
            let _ = gather(stream, Some(granted), count).await;
        }
    }
}

/// Sends twelve over one line; what became of each, by its number.
async fn carried(broken: usize, granted: u16, count: usize) -> BTreeMap<usize, bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let door = tokio::spawn(door(listener, broken, granted, count));
    let terms = Terms {
        lines: 1,
        lines_far: 1,
        when_broken: WhenBroken::Fail,
        setbacks: 3,
        operations: 8,
        spare: Arc::new(Semaphore::new(4)),
        reach: Arc::default(),
    };
    let mut convoy = Convoy::new(call(port, &[]), terms);
    convoy.load((20..32).map(Load));
    let mut fates = BTreeMap::new();
    while let Some(settled) = convoy.next().await {
        let went = matches!(&settled.fate, Fate::Answered(response) if response.status == Status::SUCCESS);
        assert!(fates.insert(settled.cargo.0, went).is_none(), "each is told of once");
    }
    convoy.close().await;
    door.abort();
    fates
}

#[tokio::test]
async fn a_line_has_as_many_under_way_as_were_granted_and_all_arrive() {
    // A door that waits for four before it answers any is served only by a line that does not wait.
    for (granted, count) in [(1, 1), (4, 4), (0, 4), (6, 6)] {
        let fates = carried(0, granted, count).await;
        assert_eq!(fates.len(), 12);
        assert!(fates.values().all(|went| *went), "{granted}: {fates:?}");
    }
}

#[tokio::test]
async fn a_line_that_breaks_with_several_under_way_fails_the_one_that_waited_longest_and_the_others_go_again()
{
    let fates = carried(1, 8, 1).await;
    let failed: Vec<usize> = fates.iter().filter(|(_, went)| !**went).map(|(number, _)| *number).collect();
    assert_eq!((fates.len(), failed), (12, vec![20]));
}
