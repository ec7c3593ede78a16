//! The courier: one association for what is known to come, another for what is not, over TCP.

use causeway_core::Status;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_dimse::scu::{Courier, StoreRequest, Whole};
use causeway_dimse::{Error, Settings};
use tokio::net::TcpListener;

use crate::common::{CT, call, serve, uid};

#[tokio::test]
async fn one_association_serves_what_was_announced_and_a_new_one_what_was_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let door = tokio::spawn(async move {
        let mut stored = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            stored.push(serve(stream, Settings::default()).await.unwrap().stored.len());
        }
        stored
    });
    let explicit = |sop_class| (uid(sop_class), uid(EXPLICIT_VR_LITTLE_ENDIAN));
    let (ct, mr, us) =
        (explicit(CT), explicit("1.2.840.10008.5.1.4.1.1.4"), explicit("1.2.840.10008.5.1.4.1.1.6.1"));
    let mut courier = Courier::new(call(port, &[]));
    assert!(matches!(courier.context_for(&ct), Err(Error::Closed)));
    for pair in [&ct, &mr, &ct, &us] {
        courier.open_for(pair, [mr.clone()].into_iter()).await.unwrap();
        let (context, transfer_syntax) = courier.context_for(pair).unwrap();
        assert_eq!(transfer_syntax, pair.1);
        let request = StoreRequest::new(pair.0.clone(), uid("1.2.3"));
        let response = courier.store(context, request, Whole::new(vec![0; 100])).await.unwrap();
        assert_eq!(response.status, Status::SUCCESS);
    }
    courier.hang_up().await;
    assert!(!courier.is_open());
    assert_eq!(door.await.unwrap(), [3, 1]);
}

#[tokio::test]
async fn what_the_peer_takes_in_no_form_is_said_so_and_the_line_stays() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, Settings::default()).await
    });
    // The door of these tests refuses this abstract syntax.
    let pair = (uid("1.2.3.4"), uid(IMPLICIT_VR_LITTLE_ENDIAN));
    let mut courier = Courier::new(call(port, &[]));
    courier.open_for(&pair, std::iter::empty()).await.unwrap();
    assert!(matches!(courier.context_for(&pair), Err(Error::NotAccepted { .. })));
    assert!(courier.is_open());
    courier.hang_up().await;
}
