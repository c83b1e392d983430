// Which steps of sequences count: bool [batch, steps] beside a tensor.
#pragma once
#include <optional>

#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

// x with this mask, or with none.
Tensor masked(const Tensor& x, const std::optional<Tensor>& mask);
bool any_masked(const Tensors& x);
// What steps count in one of them; nothing when one that is no weight or constant has no mask.
std::optional<Tensor> mask_of_all(const Tensors& x, const Location& where);
// The same of operands, of which those without a mask do not matter.
std::optional<Tensor> mask_of_any(const Tensors& x, const Location& where);
// The mask of a sequence with its steps on `axis`, with an axis of size 1 for each other one but the batch: what
// broadcasts with x. Throws when it does not fit.
Tensor mask_along(const Tensor& x, int64_t axis, const Location& where);
// Elements that differ from `value`.
Tensor not_equal(const Tensor& x, double value, const Location& where);

// Sequences whose steps that count come first, in their order, and the way back.
class GatheredSteps {
 public:
  // Of mask [batch, steps].
  GatheredSteps(const Tensor& mask, const Location& where);
  // x [batch, steps, features] with the steps that count in front.
  Tensor gathered(const Tensor& x) const;
  // How many there are, i32 [batch].
  Tensor lengths() const;
  // What a recurrence gave at each step of the gathered sequence, [batch, steps, units], for every step of the sequence
  // as it was: at steps that do not count the one before, zeros before the first one that does.
  Tensor spread(const Tensor& states) const;
  // The same for the last step alone: [batch, units].
  Tensor last(const Tensor& states) const;

 private:
  Tensor at(const Tensor& states, const Tensor& count) const;

  Location where_;
  Tensor seen_, total_;  // i64: steps that count up to each one, [batch, steps], and all of them, [batch, 1]
  Tensor order_;         // i64 [batch, steps]: where the steps of the gathered sequence come from
};

}  // namespace cnnc::dsl
