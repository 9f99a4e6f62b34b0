use std::fmt;

use burn::tensor::FloatDType;
use u2i_random::Stream;

use crate::TablePrecision;

/// The smallest normal number of binary16, 2⁻¹⁴; below it numbers are multiples of 2⁻²⁴.
const F16_NORMAL: f32 = 1.0 / 16_384.0;
const F16_STEP: f64 = 1.0 / 16_777_216.0;

/// As in a config.
impl fmt::Display for TablePrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TablePrecision::F16 => "f16",
            TablePrecision::Bf16 => "bf16",
        })
    }
}

impl TablePrecision {
    /// burn's name of it.
    pub(crate) fn dtype(self) -> FloatDType {
        match self {
            TablePrecision::F16 => FloatDType::F16,
            TablePrecision::Bf16 => FloatDType::BF16,
        }
    }

    /// Rounds each number to one of its two neighbours, with probabilities that keep its mean. Numbers that are stored
    /// as they are stay, as do those that are not finite.
    pub(crate) fn round(self, values: &mut [f32], stream: &mut Stream) {
        for values in values.chunks_mut(4) {
            let bits = stream.next_u64();
            for (value, shift) in values.iter_mut().zip([0, 16, 32, 48]) {
                *value = self.neighbour(*value, (bits >> shift) as u16);
            }
        }
    }

    /// The neighbour that 16 random bits choose.
    fn neighbour(self, value: f32, noise: u16) -> f32 {
        // What is added carries into the bits that stay as often as those that go say.
        let cut = |bits: u32| {
            let noise = u32::from(noise) >> (16 - bits);
            f32::from_bits((value.to_bits() + noise) & (u32::MAX << bits))
        };
        match self {
            _ if !value.is_finite() => value,
            TablePrecision::Bf16 => cut(16),
            TablePrecision::F16 if value.abs() >= F16_NORMAL => cut(13),
            TablePrecision::F16 => {
                let steps = f64::from(value.abs()) / F16_STEP + f64::from(noise) / 65_536.0;
                ((steps.floor() * F16_STEP) as f32).copysign(value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use u2i_random::Purpose;

    use super::*;

    const BOTH: [TablePrecision; 2] = [TablePrecision::F16, TablePrecision::Bf16];

    /// Normal and subnormal numbers of either format, and those that are stored as they are.
    fn numbers() -> Vec<f32> {
        let mut stream = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let mut numbers = vec![0.0, 1.0, -0.375, 1.0 / 16_384.0, 3.0 * F16_STEP as f32];
        for _ in 0..200 {
            let size = stream.uniform(-25.0, 10.0).exp2();
            numbers.push((stream.uniform(-1.0, 1.0) * size) as f32);
        }
        numbers
    }

    /// burn's own conversions say what the formats can hold.
    fn stored(values: &[f32], precision: TablePrecision) -> Vec<f32> {
        let data = TensorData::new(values.to_vec(), [values.len()]);
        let tensor = Tensor::<1>::from_data(data, &Device::flex());
        tensor.cast(precision.dtype()).cast(FloatDType::F32).into_data().try_into_vec().unwrap()
    }

    #[test]
    fn what_is_rounded_is_stored_as_it_is_and_lies_next_to_the_number() {
        for precision in BOTH {
            let numbers = numbers();
            let mut rounded = numbers.clone();
            precision.round(&mut rounded, &mut Stream::new(1, Purpose::ROUNDING, 0, 0));
            assert_eq!(stored(&rounded, precision), rounded, "{precision:?}");
            let nearest = stored(&numbers, precision);
            let apart = |x: f32| match precision {
                TablePrecision::F16 => x.abs().max(F16_NORMAL) / 1024.0,
                TablePrecision::Bf16 => x.abs() / 128.0,
            };
            let mut elsewhere = 0;
            for ((&rounded, &number), &nearest) in rounded.iter().zip(&numbers).zip(&nearest) {
                assert!((rounded - number).abs() <= apart(number), "{number} to {rounded} in {precision:?}");
                elsewhere += usize::from(rounded != nearest);
                // What is stored as it is stays.
                assert!(number != nearest || rounded == number, "{number} to {rounded} in {precision:?}");
            }
            assert!((20..140).contains(&elsewhere), "{elsewhere} of 200 not to the nearest");
        }
    }

    /// Over all that 16 bits can be; below the smallest normal number the share is told to 2⁻¹⁶ of a step.
    #[test]
    fn the_mean_of_a_number_stays() {
        for precision in BOTH {
            for number in numbers() {
                let all = (0..=u16::MAX).map(|noise| f64::from(precision.neighbour(number, noise)));
                // Exact: 65,536 numbers of 24 bits.
                let mean = all.sum::<f64>() / 65_536.0;
                let told = match precision {
                    TablePrecision::F16 if number.abs() < F16_NORMAL => F16_STEP / 65_536.0,
                    _ => 0.0,
                };
                let off = (mean - f64::from(number)).abs();
                assert!(off <= told, "{number} has mean {mean} in {precision:?}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays() {
        for precision in BOTH {
            for noise in [0, 1, u16::MAX] {
                assert!(precision.neighbour(f32::NAN, noise).is_nan());
                assert_eq!(precision.neighbour(f32::INFINITY, noise), f32::INFINITY);
                assert_eq!(precision.neighbour(f32::NEG_INFINITY, noise), f32::NEG_INFINITY);
            }
        }
    }
}
