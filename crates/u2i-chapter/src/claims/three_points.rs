//! What three points show of the inner product.

use u2i::Error;

use super::claim::{Claim, Finding, Verdict};
use super::lab::Lab;

pub(super) const CLAIM: Claim = Claim {
    id: "three-points",
    title: "Three points show that the inner product is no metric",
    statement: "With A = (10, 0), B = (0, 10) and C = (11, 0), inner products taken as distances put B nearer to A than C, \
                against geometry, because they do not obey the triangle inequality; unit length mends that.",
    measured: "Inner products, distances and cosines of the three points, and the triangle inequality for each order of them.",
    rule: "Holds if the inner product breaks the triangle inequality and, read as the similarity that it is, orders B and C \
           otherwise than distance does. Holds under a condition if it breaks the inequality and orders them so only when it is \
           read as a distance. Else it does not hold.",
    needs: &[],
    run,
};

const A: [f64; 2] = [10.0, 0.0];
const B: [f64; 2] = [0.0, 10.0];
const C: [f64; 2] = [11.0, 0.0];

/// What the verdict follows from.
struct Order {
    /// Whether some two points are further apart than by way of the third, with inner products as distances.
    breaks_triangle: bool,
    /// Whether a larger inner product means nearer for B and C, seen from A.
    similarity_orders_as_distance: bool,
}

impl Order {
    fn of(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> Self {
        let breaks = |x, y, z| inner(x, z) > inner(x, y) + inner(y, z);
        let similar = inner(a, c) > inner(a, b);
        Order {
            breaks_triangle: breaks(a, b, c) || breaks(b, c, a) || breaks(c, a, b),
            similarity_orders_as_distance: similar == (distance(a, c) < distance(a, b)),
        }
    }

    fn verdict(&self) -> Verdict {
        match (self.breaks_triangle, self.similarity_orders_as_distance) {
            (true, false) => Verdict::Holds,
            (true, true) => Verdict::under(
                "the inner product is read as a distance, where small means near. Read as the similarity that it is, it puts C \
                 before B, as distance does: the triangle inequality is broken, but no order is wrong",
            ),
            (false, _) => Verdict::DoesNotHoldHere,
        }
    }
}

fn inner(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

fn cosine(a: [f64; 2], b: [f64; 2]) -> f64 {
    inner(a, b) / (inner(a, a) * inner(b, b)).sqrt()
}

fn run(_: &mut Lab<'_>) -> Result<Finding, Error> {
    let pairs = [("A, A", A, A), ("A, B", A, B), ("A, C", A, C), ("B, C", B, C)];
    let row = |(name, a, b): (&str, [f64; 2], [f64; 2])| {
        let cells = [inner(a, b), distance(a, b), cosine(a, b), (2.0 - 2.0 * cosine(a, b)).sqrt()];
        std::iter::once(name.to_owned()).chain(cells.map(|cell| format!("{cell:.3}"))).collect()
    };
    let order = Order::of(A, B, C);
    Ok(Finding::new(order.verdict())
        .figure("inner_product_a_a", inner(A, A))
        .figure("inner_product_a_b", inner(A, B))
        .figure("inner_product_a_c", inner(A, C))
        .figure("distance_a_b", distance(A, B))
        .figure("distance_a_c", distance(A, C))
        .figure("cosine_a_b", cosine(A, B))
        .figure("cosine_a_c", cosine(A, C))
        .figure("triangle_broken", f64::from(u8::from(order.breaks_triangle)))
        .figure("similarity_orders_as_distance", f64::from(u8::from(order.similarity_orders_as_distance)))
        .table(
            "The three points",
            &["points", "inner product", "distance", "cosine", "distance at unit length"],
            pairs.map(row).to_vec(),
        )
        .note(
            "What the points do show is A·C > A·A: by inner product a point is not nearest to itself, because length counts. An \
             index that looks for the nearest by distance returns A for the query A, one by inner product returns C. At unit \
             length that cannot happen; but A and C then are one point, so that unit length does not keep what length had said.",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_points_are_in_order_and_break_the_triangle() {
        let order = Order::of(A, B, C);
        assert!(order.breaks_triangle && order.similarity_orders_as_distance);
        assert_eq!((inner(A, A), inner(A, B), inner(A, C)), (100.0, 0.0, 110.0));
        assert_eq!(order.verdict().word(), "holds_under_a_condition");
    }

    /// A long point far away: its inner product is largest, and so is its distance.
    #[test]
    fn points_whose_order_is_wrong_would_show_it() {
        let order = Order::of([1.0, 0.0], [1.0, 0.1], [50.0, 50.0]);
        assert!(!order.similarity_orders_as_distance);
        assert_eq!(Order { breaks_triangle: true, ..order }.verdict(), Verdict::Holds);
        let none = Order { breaks_triangle: false, similarity_orders_as_distance: true };
        assert_eq!(none.verdict(), Verdict::DoesNotHoldHere);
    }
}
