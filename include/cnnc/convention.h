// Whose formula of a loss or optimizer is meant where Keras 3 and PyTorch differ; docs/formulae.md has both.
#pragma once

namespace cnnc::dsl {

// It changes no number that a loss or optimizer has: those are Keras's until others are given.
enum class Convention { keras, pytorch };

}  // namespace cnnc::dsl
