//! One series explained by others: multiple least squares (linfa), the regressors chosen one by one.

use super::correlate::join;
use super::robust::{mean, pearson};
use super::{clean, student};
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// Samples that each regressor needs.
const SAMPLES_EACH: usize = 5;
/// More regressors than this explain nothing to a reader.
const MOST: usize = 5;
/// Two regressors that go together like this cannot be told apart.
const SAME: f64 = 0.98;

/// A regressor with its coefficient, in units of the series per unit of the regressor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Term {
    /// Index of the regressor.
    pub of: usize,
    /// What one unit of it adds.
    pub coefficient: f64,
    /// Standard error.
    pub error: f64,
    /// Two-sided, of no effect, by Student's t.
    pub p: f64,
}

/// A series as a sum of others.
#[derive(Clone, PartialEq, Debug)]
pub struct Regression {
    /// Samples at which all were measured.
    pub n: usize,
    /// Value where all regressors are nought.
    pub intercept: f64,
    /// Share of the variance that is explained.
    pub r2: f64,
    /// The same, less what as many regressors without meaning would explain.
    pub adjusted_r2: f64,
    /// The regressors, in the order in which they were taken: each explains most of what those before it left.
    pub terms: Vec<Term>,
}

/// Explains `target` by those of `others` that better the fit by Bayes' criterion. `None` where fewer than 8 samples
/// can be joined or nothing betters it.
pub fn regress(target: &[(f64, f64)], others: &[Vec<(f64, f64)>]) -> Option<Regression> {
    let target = clean(target);
    let others: Vec<Vec<(f64, f64)>> = others.iter().map(|series| clean(series)).collect();
    let mut taken: Vec<usize> = Vec::new();
    let mut best: Option<(f64, Regression)> = None;
    while taken.len() < MOST {
        let candidates = (0..others.len()).filter(|index| !taken.contains(index)).filter_map(|index| {
            let mut chosen = taken.clone();
            chosen.push(index);
            let fit = fit(&target, &others, &chosen)?;
            Some((criterion(&fit), index, fit))
        });
        let Some((value, index, fit)) = candidates.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))) else {
            break;
        };
        if best.as_ref().map_or(value >= 0.0, |(known, _)| value >= known - 2.0) {
            break;
        }
        taken.push(index);
        best = Some((value, fit));
    }
    best.map(|(_, fit)| fit)
}

/// Bayes' criterion less that of the mean alone.
fn criterion(fit: &Regression) -> f64 {
    let n = fit.n as f64;
    n * (1.0 - fit.r2).max(1e-12).ln() + fit.terms.len() as f64 * n.ln()
}

/// A column less its mean, over its spread.
struct Column {
    centre: f64,
    scale: f64,
    values: Vec<f64>,
}

impl Column {
    fn of(values: &[f64]) -> Option<Column> {
        let centre = mean(values);
        let scale = (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let values: Vec<f64> = values.iter().map(|v| (v - centre) / scale).collect();
        (scale > 0.0 && values.iter().all(|v| v.is_finite())).then_some(Column { centre, scale, values })
    }
}

fn fit(target: &[(f64, f64)], others: &[Vec<(f64, f64)>], chosen: &[usize]) -> Option<Regression> {
    // Samples of the target at which every regressor was measured too.
    let joined: Vec<Vec<(f64, f64, f64)>> = chosen.iter().map(|index| join(target, &others[*index])).collect();
    let at = |rows: &[(f64, f64, f64)], t: f64| {
        rows.binary_search_by(|row| row.0.total_cmp(&t)).ok().map(|found| rows[found].2)
    };
    let rows: Vec<(f64, Vec<f64>)> = target
        .iter()
        .filter_map(|(t, y)| Some((*y, joined.iter().map(|rows| at(rows, *t)).collect::<Option<Vec<f64>>>()?)))
        .collect();
    let (n, k) = (rows.len(), chosen.len());
    if n < super::FEWEST_SAMPLES.max(SAMPLES_EACH * k + 2) {
        return None;
    }
    let y = Column::of(&rows.iter().map(|row| row.0).collect::<Vec<_>>())?;
    let columns: Vec<Column> =
        (0..k).map(|nth| Column::of(&rows.iter().map(|row| row.1[nth]).collect::<Vec<_>>())).collect::<Option<_>>()?;
    let same = |a: &Column, b: &Column| pearson(&a.values, &b.values).is_some_and(|r| r.abs() > SAME);
    if columns.iter().enumerate().any(|(nth, a)| columns[..nth].iter().any(|b| same(a, b))) {
        return None;
    }
    let records = Array2::from_shape_fn((n, k), |(row, column)| columns[column].values[row]);
    let data = Dataset::new(records.clone(), Array1::from(y.values.clone()));
    let model = LinearRegression::new().with_intercept(false).fit(&data).ok()?;
    let slopes = model.params();
    let left: f64 = records.dot(slopes).iter().zip(&y.values).map(|(said, seen)| (seen - said).powi(2)).sum();
    let r2 = (1.0 - left / n as f64).clamp(0.0, 1.0);
    let freedom = (n - k - 1) as f64;
    let inverse = inverse(&records.t().dot(&records))?;
    let terms: Vec<Term> = (0..k)
        .map(|nth| {
            let unit = y.scale / columns[nth].scale;
            let error = (left / freedom * inverse[(nth, nth)]).max(0.0).sqrt();
            let p = student::two_sided(slopes[nth] / error, freedom);
            Term { of: chosen[nth], coefficient: slopes[nth] * unit, error: error * unit, p }
        })
        .collect();
    let intercept = y.centre - terms.iter().zip(&columns).map(|(term, x)| term.coefficient * x.centre).sum::<f64>();
    let adjusted_r2 = 1.0 - (1.0 - r2) * (n - 1) as f64 / freedom;
    terms.iter().all(|term| term.coefficient.is_finite()).then_some(Regression { n, intercept, r2, adjusted_r2, terms })
}

/// Of a small positive matrix, by elimination; none where columns depend on each other.
fn inverse(matrix: &Array2<f64>) -> Option<Array2<f64>> {
    let k = matrix.nrows();
    let (mut rest, mut inverse) = (matrix.clone(), Array2::<f64>::eye(k));
    for pivot in 0..k {
        let divisor = rest[(pivot, pivot)];
        if divisor.abs() < 1e-9 * matrix[(pivot, pivot)].abs() || divisor == 0.0 {
            return None;
        }
        for column in 0..k {
            rest[(pivot, column)] /= divisor;
            inverse[(pivot, column)] /= divisor;
        }
        for row in (0..k).filter(|row| *row != pivot) {
            let factor = rest[(row, pivot)];
            for column in 0..k {
                rest[(row, column)] -= factor * rest[(pivot, column)];
                inverse[(row, column)] -= factor * inverse[(pivot, column)];
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..60).map(|i| (f64::from(i) * 10.0, f(f64::from(i)))).collect()
    }

    /// In -0.5..0.5, by SplitMix64's mixing.
    fn noise(i: f64, seed: f64) -> f64 {
        let mut z = (i as u64 * 1000 + seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    #[test]
    fn finds_what_a_series_is_made_of() {
        let threads = series(|i| 10.0 + i + 5.0 * noise(i, 1.0));
        let sessions = series(|i| 300.0 + 40.0 * (i / 7.0).sin());
        let clock = series(|i| 50.0 + 9.0 * noise(i, 7.0));
        let memory = series(|i| {
            let (threads, sessions) = (10.0 + i + 5.0 * noise(i, 1.0), 300.0 + 40.0 * (i / 7.0).sin());
            1000.0 + 8.0 * threads + 0.5 * sessions + noise(i, 3.0)
        });
        let found = regress(&memory, &[clock, sessions, threads]).unwrap();
        let term = |of: usize| found.terms.iter().find(|term| term.of == of);
        let (threads, sessions) = (term(2).unwrap(), term(1).unwrap());
        assert!((threads.coefficient - 8.0).abs() < 3.0 * threads.error && threads.p < 1e-9, "{found:?}");
        assert!((sessions.coefficient - 0.5).abs() < 3.0 * sessions.error, "{found:?}");
        assert!(term(0).is_none() && found.r2 > 0.99 && found.n == 60 && found.adjusted_r2 < found.r2);
        assert!((found.intercept - 1000.0).abs() < 5.0);
    }

    #[test]
    fn what_cannot_be_told_apart_is_taken_once() {
        let a = series(|i| i + noise(i, 1.0));
        let twice = series(|i| 2.0 * (i + noise(i, 1.0)));
        let found = regress(&series(|i| 3.0 * i + noise(i, 5.0)), &[a, twice]).unwrap();
        assert_eq!(found.terms.len(), 1);
    }

    #[test]
    fn chance_explains_nothing() {
        let others: Vec<_> = (0..4).map(|seed| series(|i| noise(i, 10.0 + f64::from(seed)))).collect();
        assert_eq!(regress(&series(|i| noise(i, 99.0)), &others), None);
        assert_eq!(regress(&series(|_| 4.0), &others), None);
        assert_eq!(regress(&[], &others), None);
    }
}
