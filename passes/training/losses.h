// Losses as graph parts.
#pragma once
#include "ir/graph.h"
#include "passes/training/options.h"

namespace cnnc {

// The labels that a loss takes beside a model's output: their type for labels that a file holds in
// `given`. Throws Error (Fault::usage) when they do not fit the output or the loss.
Type label_type(const LossOptions& options, const Type& output, const Type& given);

// Whether the mean over the samples is the sum of weight times loss over the sum of the weights, as in PyTorch's
// cross-entropy, instead of over the count of samples.
bool divides_by_weights(const LossOptions& options);

// The mean over samples, and over the axes that the loss leaves, of weight times loss: a value of
// rank 0. `weights` is null or has one number for each sample. `mask` is null or says, bool, which
// places of the first axes count: the mean is over these, 0 when there are none.
Value* loss_of(Graph& graph, const LossOptions& options, Value* output, Value* labels,
               Value* weights, Value* mask = nullptr);

}  // namespace cnnc
