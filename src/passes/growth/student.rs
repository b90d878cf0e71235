//! Student's t distribution, by the incomplete beta function.

/// Chance of a `t` at least this far from 0 on either side.
pub(crate) fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    if t.is_nan() {
        return 1.0;
    }
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)).clamp(0.0, 1.0)
}

/// The t that 2.5 % exceed.
pub(super) fn quantile_97_5(freedom: f64) -> f64 {
    let (mut low, mut high) = (1.9, 13.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if two_sided(middle, freedom) > 0.05 { low = middle } else { high = middle }
    }
    high
}

/// Lanczos' approximation, for x > 0.
fn ln_gamma(x: f64) -> f64 {
    const FIRST: f64 = 1.000_000_000_190_015;
    const SERIES: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let shifted = x + 5.5;
    let sum = SERIES.iter().zip(1..).fold(FIRST, |sum, (c, i)| sum + c / (x + f64::from(i)));
    (x + 0.5) * shifted.ln() - shifted + ((2.0 * std::f64::consts::PI).sqrt() * sum / x).ln()
}

/// Regularised: 0 at x = 0, 1 at x = 1.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let off_zero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / off_zero(1.0 + term * d);
            c = off_zero(1.0 + term / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_printed_tables() {
        for (freedom, t) in [(1.0, 12.706), (2.0, 4.303), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)] {
            assert!((two_sided(t, freedom) - 0.05).abs() < 5e-5, "{freedom}");
            assert!((quantile_97_5(freedom) - t).abs() < 1e-3, "{freedom}");
        }
        assert!((two_sided(3.169, 10.0) - 0.01).abs() < 2e-5);
        assert_eq!(two_sided(f64::INFINITY, 5.0), 0.0);
        assert!((two_sided(0.0, 5.0) - 1.0).abs() < 1e-9);
    }
}
