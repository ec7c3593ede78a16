//! Every cell of PS3.8 Table 9-10, written out as the standard prints it.

use super::*;

/// Rows: events; columns: Sta1 to Sta13; a cell: action and next state, `9/10` the two of AE-6 and AR-8.
const PRINTED: &[(Event, &str)] = &[
    (Event::AssociateRequest, "AE1:4 - - - - - - - - - - - -"),
    (Event::TransportConfirm, "- - - AE2:5 - - - - - - - - -"),
    (
        Event::AssociateAcPdu,
        "- AA1:13 AA8:13 - AE3:6 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA6:13",
    ),
    (
        Event::AssociateRjPdu,
        "- AA1:13 AA8:13 - AE4:1 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA6:13",
    ),
    (Event::TransportIndication, "AE5:2 - - - - - - - - - - - -"),
    (
        Event::AssociateRqPdu,
        "- AE6:3/13 AA8:13 - AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA7:13",
    ),
    (Event::AssociateAccept, "- - AE7:6 - - - - - - - - - -"),
    (Event::AssociateReject, "- - AE8:13 - - - - - - - - - -"),
    (Event::DataRequest, "- - - - - DT1:6 - AR7:8 - - - - -"),
    (Event::DataPdu, "- AA1:13 AA8:13 - AA8:13 DT2:6 AR6:7 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA6:13"),
    (Event::ReleaseRequest, "- - - - - AR1:7 - - - - - - -"),
    (
        Event::ReleaseRqPdu,
        "- AA1:13 AA8:13 - AA8:13 AR2:8 AR8:9/10 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA6:13",
    ),
    (Event::ReleaseRpPdu, "- AA1:13 AA8:13 - AA8:13 AA8:13 AR3:1 AA8:13 AA8:13 AR10:12 AR3:1 AA8:13 AA6:13"),
    (Event::ReleaseResponse, "- - - - - - - AR4:13 AR9:11 - - AR4:13 -"),
    (Event::AbortRequest, "- - AA1:13 AA2:1 AA1:13 AA1:13 AA1:13 AA1:13 AA1:13 AA1:13 AA1:13 AA1:13 -"),
    (Event::AbortPdu, "- AA2:1 AA3:1 - AA3:1 AA3:1 AA3:1 AA3:1 AA3:1 AA3:1 AA3:1 AA3:1 AA2:1"),
    (Event::TransportClosed, "- AA5:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AA4:1 AR5:1"),
    (Event::ArtimExpired, "- AA2:1 - - - - - - - - - - AA2:1"),
    (Event::InvalidPdu, "- AA1:13 AA8:13 - AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA8:13 AA7:13"),
];

const STATES: [State; 13] =
    [Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13];

fn number(state: State) -> String {
    format!("{state:?}").trim_start_matches("Sta").to_owned()
}

#[test]
fn every_cell_is_as_the_standard_prints_it() {
    assert_eq!(PRINTED.len(), 19);
    for (event, row) in PRINTED {
        let cells: Vec<&str> = row.split(' ').collect();
        assert_eq!(cells.len(), STATES.len(), "{event:?}");
        for (state, cell) in STATES.iter().zip(cells) {
            let ours = next(*state, *event).map_or_else(
                || "-".to_owned(),
                |cell| {
                    let action = format!("{:?}", cell.action).to_uppercase();
                    let otherwise = cell.otherwise.map(|state| format!("/{}", number(state)));
                    format!("{action}:{}{}", number(cell.state), otherwise.unwrap_or_default())
                },
            );
            assert_eq!(ours, cell, "{state:?} {event:?}");
        }
    }
}
