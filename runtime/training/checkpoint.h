// Checkpoints: everything that training carries from step to step, in one file.
//
// "CNNCKPT3", the position, the number of tensors, the settings, and for each tensor its role, type,
// shape, name and bytes; a checksum of all that ends the file. Numbers are little-endian.
#ifndef RUNTIME_TRAINING_CHECKPOINT_H_
#define RUNTIME_TRAINING_CHECKPOINT_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/array.h"
#include "runtime/cnnc.h"
#include "runtime/file_bytes.h"

namespace cnnc {

// Where training stands, and how it came there: what is needed to take the batches that it would
// have taken, and to report what it would have reported.
struct TrainingPosition {
  int64_t step = 0;   // steps done
  int64_t epoch = 0;  // epochs done
  int64_t batch = 0;  // batches done of the epoch that is under way
  uint64_t seed = 0;  // of shuffling and Dropout
  int64_t batch_size = 0, sample_count = 0;
  int64_t shuffled = 0;
  // Of the epoch under way: samples whose losses are in the sum, steps that were left out.
  double loss_sum = 0;
  int64_t samples_seen = 0, skipped = 0;
};

enum class CarriedRole : int32_t { parameter, optimizer };

// A tensor that steps carry along, as a checkpoint has it.
struct CarriedTensor {
  const char* name = "";
  CarriedRole role = CarriedRole::parameter;
  cnnc_tensor_view view = {};
};

// Complete or not at all: an old file of that name stays until the new one is whole. `settings` are
// lines "name = value" of what a step computes, all that is to be the same when training goes on.
bool write_checkpoint(const char* path, const TrainingPosition& position, const char* settings,
                      const CarriedTensor* tensors, size_t count, ErrorText* error);

// A checkpoint that was read; its tensors point into it.
class Checkpoint {
 public:
  // False with a message for a file that is no checkpoint, or is damaged.
  bool read(const char* path, ErrorText* error);

  const char* path() const { return path_; }
  const TrainingPosition& position() const { return position_; }
  const Array<CarriedTensor>& tensors() const { return tensors_; }
  // The tensor with this role, name and type; NULL with a message, for then it is of another model.
  const CarriedTensor* find(const CarriedTensor& wanted, ErrorText* error) const;
  // Whether it was written with these settings; else false, with a message that names the first that
  // was another one. A checkpoint without settings is of no training, and fits any.
  bool has_settings(const char* wanted, ErrorText* error) const;

 private:
  const char* path_ = "";
  FileBytes file_;
  TrainingPosition position_;
  const char* settings_ = "";
  Array<CarriedTensor> tensors_;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_CHECKPOINT_H_
