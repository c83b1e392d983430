// cnnc: neural networks in C++, defined as in Keras, trained and run by generated machine code.
//
//   #include <cnnc/cnnc.h>
//   using namespace cnnc;
//
//   Sequential model({Input({3, 32, 32}),
//                     Conv2D(32, {3, 3}, Padding::same, relu), MaxPool2D({2, 2}),
//                     Flatten(), Dense(64, relu), Dense(10)});
//   model.summary();
//   Array scores = model.predict(images);
//   model.save("model.onnx");
//
// Nothing runs while a model is defined: a model is a graph that can be printed, saved and compiled. Every fault is a
// std::exception whose text says what was found, what was needed and in which line the layer was made.
//
// This header is all that a program includes. Its parts, in the order to read them in:
#pragma once

#include "cnnc/array.h"         // numbers in memory
#include "cnnc/tensor.h"        // symbolic values, and operations on them
#include "cnnc/initializers.h"  // how weights begin, and what holds them small
#include "cnnc/layers.h"        // the layers
#include "cnnc/preprocessing.h" // layers that prepare data, vary images and add noise
#include "cnnc/data.h"          // data sets in files
#include "cnnc/pipeline.h"      // data that come piece by piece
#include "cnnc/model.h"         // Model and Sequential

// The names live in cnnc::dsl, apart from the compiler's own; users write cnnc::Tensor.
namespace cnnc {
using namespace dsl;
}
