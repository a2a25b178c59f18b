//! Files and arguments that are ambiguous or wrong.

use super::place::{Place, summary};
use crate::process::failure;

#[tokio::test]
async fn a_file_that_leaves_doubts_is_refused_with_advice() {
    let place = Place::new().await;
    let good = "order,date,sku,quantity,price\n";
    for (text, more, told) in [
        ("", &[][..], "is empty"),
        ("order\n1\n", &[], "--separator"),
        (
            "a,b,c\n1,2,3\n",
            &[],
            "no column was found for order, placed_at, sku, quantity, unit_price",
        ),
        (
            "a,b,c\n1,2,3\n",
            &["--columns", "order=Nr"],
            "there is no column Nr for order; the file has a, b, c",
        ),
        (&format!("{good}1,03/04/2019,A,1,1\n"), &[], "--date-format"),
        (
            &format!("{good}1,13/04/2019,A,1,1\n1,04/13/2019,A,1,1\n"),
            &[],
            "--date-format",
        ),
        (
            &format!("{good}1,2019-04-13,A,1,2.500\n"),
            &[],
            "--decimal-mark",
        ),
        (
            "order,date,sku,quantity,price,price\n1,2019-04-13,A,1,1,2\n",
            &[],
            "several columns are called price",
        ),
    ] {
        let line = failure(place.import(&place.file("doubtful.csv", text)).args(more)).await;
        assert!(line.contains(told), "{text}: {line}");
        assert!(!place.rejects().exists(), "{text}: a rejects file was left");
    }
    for arguments in [
        ["--columns", "colour=Red"],
        ["--date-format", "%Q"],
        ["--time-zone", "Mars/Olympus"],
        ["--currency", "XXX"],
        ["--source", "two words"],
        ["--encoding", "klingon"],
    ] {
        let line = failure(place.import(&place.file("good.csv", good)).args(arguments)).await;
        assert!(line.contains(arguments[0]), "{line}");
    }
    let itself = place.file("rejects.csv", good);
    let line = failure(&mut place.import(&itself)).await;
    assert!(line.contains("is the file to be imported"), "{line}");
    assert_eq!(place.count("order.imported").await, 0);

    let american = place.file(
        "american.csv",
        &format!("{good}1,03/04/2019 9:30 PM,A,1,1\n"),
    );
    let taken = summary(
        place
            .import(&american)
            .args(["--date-format", "%m/%d/%Y %I:%M %p"]),
    )
    .await;
    assert_eq!(taken["taken"], 1);
}
