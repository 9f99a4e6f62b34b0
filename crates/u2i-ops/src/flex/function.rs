use std::fmt;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    Flex,
};
use burn::tensor::{DType, Tensor, TensorData};

/// A function of `N` tensors, computed on slices, whose gradient it knows itself.
pub(crate) trait Function<const N: usize>: fmt::Debug + Send + Sync + 'static {
    /// What is kept of the value's computation for that of the gradient.
    type Kept: fmt::Debug + Clone + Send + 'static;

    /// The value, row by row, and what is to be kept of it if a gradient may be asked for.
    fn value(&self, inputs: [&[f32]; N], is_tracked: bool) -> (Vec<f32>, Self::Kept);

    /// Gradients by the inputs, in their shapes; `None` where none is wanted.
    fn gradients(&self, request: GradientRequest<'_, Self::Kept, N>) -> [Option<Vec<f32>>; N];
}

/// Which gradients of a function are wanted, and the numbers that they are computed from.
pub(crate) struct GradientRequest<'a, K, const N: usize> {
    /// The inputs whose gradients are wanted.
    pub wanted: [bool; N],
    /// The gradient by the value, from which those by the inputs follow.
    pub of_value: &'a [f32],
    pub value: &'a [f32],
    pub inputs: [&'a [f32]; N],
    /// What the computation of the value kept.
    pub kept: K,
}

/// Whether a tensor is of 32-bit numbers in the host's memory, of the flex backend, with or without autodiff.
pub(crate) fn is_f32_of_flex<const D: usize>(tensor: &Tensor<D>) -> bool {
    let is_flex = match tensor.clone().into_dispatch().kind {
        DispatchTensorKind::Flex(_) => true,
        DispatchTensorKind::Autodiff(inner) => matches!(*inner, DispatchTensorKind::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    };
    is_flex && tensor.dtype() == DType::F32
}

/// Applies a function to tensors that are all [of the flex backend](is_f32_of_flex).
pub(crate) fn apply<F: Function<N>, const N: usize, const D: usize>(
    function: F,
    inputs: [DispatchTensor; N],
    shape: [usize; D],
) -> Tensor<D> {
    let context = inputs.iter().fold(OFF, |all, input| all.merge(input.autodiff));
    let kinds = inputs.map(|input| input.kind);
    if context == OFF {
        let inputs = kinds.map(plain);
        let (value, _) = function.value(inputs.each_ref().map(slice), false);
        let kind = DispatchTensorKind::Flex(BackendTensor::Float(tensor(value, &shape)));
        return Tensor::from_dispatch(DispatchTensor { kind, autodiff: OFF });
    }
    let inputs = kinds.map(|kind| match kind {
        DispatchTensorKind::Autodiff(inner) => match *inner {
            DispatchTensorKind::Flex(tracked) => tracked.autodiff(),
            #[allow(unreachable_patterns)]
            _ => unreachable!("the tensor is of the flex backend"),
        },
        constant => <Autodiff<Flex> as AutodiffBackend>::from_inner(plain(constant)),
    });
    let nodes = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| input.into_primitive().to_contiguous());
    let function = Arc::new(function);
    // The value is computed once it is known whether somebody may ask for a gradient.
    let output = match Step(function.clone()).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(step) => {
            let (value, kept) = function.value(inputs.each_ref().map(slice), true);
            let value = tensor(value, &shape);
            step.finish(State { kept, inputs, value: value.clone() }, value)
        }
        OpsKind::UnTracked(step) => {
            let (value, _) = function.value(inputs.each_ref().map(slice), false);
            step.finish(tensor(value, &shape))
        }
    };
    let kind = DispatchTensorKind::Flex(BackendTensor::Autodiff(output));
    let kind = DispatchTensorKind::Autodiff(Box::new(kind));
    Tensor::from_dispatch(DispatchTensor { kind, autodiff: context })
}

const OFF: DispatchAutodiffContext = DispatchAutodiffContext::Disabled;

fn plain(kind: DispatchTensorKind) -> FlexTensor {
    match kind {
        DispatchTensorKind::Flex(constant) => constant.float().to_contiguous(),
        #[allow(unreachable_patterns)]
        _ => unreachable!("the tensor is of the flex backend"),
    }
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the tensor is contiguous, of 32-bit numbers")
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

#[derive(Debug)]
struct Step<F>(Arc<F>);

#[derive(Debug, Clone)]
struct State<K, const N: usize> {
    kept: K,
    inputs: [FlexTensor; N],
    value: FlexTensor,
}

impl<F: Function<N>, const N: usize> Backward<Flex, N> for Step<F> {
    type State = State<F::Kept, N>;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let State { kept, inputs, value } = ops.state;
        let of_value = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let request = GradientRequest {
            kept,
            inputs: inputs.each_ref().map(slice),
            value: slice(&value),
            of_value: slice(&of_value),
            wanted: ops.parents.each_ref().map(Option::is_some),
        };
        let own = self.0.gradients(request);
        for ((parent, own), input) in ops.parents.iter().zip(own).zip(&inputs) {
            if let (Some(parent), Some(own)) = (parent, own) {
                let own = FlexTensor::from_data(TensorData::new(own, input.layout().shape().clone()));
                gradients.register::<Flex>(parent.id, own);
            }
        }
    }
}
