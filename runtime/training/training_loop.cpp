#include "runtime/training/training_loop.h"

#include <math.h>
#include <string.h>

namespace cnnc {
namespace {

constexpr size_t kAlignment = 64;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

template <typename T>
void fill_with(void* data, size_t bytes, double value) {
  for (size_t i = 0; i < bytes / sizeof(T); ++i) static_cast<T*>(data)[i] = static_cast<T>(value);
}

// Elements of other types have zeros only.
void fill(const cnnc_tensor_view& type, void* data, double value) {
  if (type.dtype == CNNC_FLOAT) return fill_with<float>(data, type.bytes, value);
  if (type.dtype == CNNC_DOUBLE) return fill_with<double>(data, type.bytes, value);
  memset(data, 0, type.bytes);
}

} // namespace

int64_t random_counter(uint64_t seed, int64_t step) {
  const uint64_t mixed = seed * UINT64_C(0x9E3779B97F4A7C15);
  return static_cast<int64_t>((mixed & UINT64_C(0xFFFFFFFF00000000)) + static_cast<uint64_t>(step));
}

ExitCode TrainingLoop::create(const Samples* samples, const LoopOptions& options,
                              StepSource source, const char* settings,
                              const InitialTensor* initial, size_t count, ErrorText* error) {
  options_ = options;
  source_ = source;
  settings_ = settings;
  if (!check_rows(*samples, error)) return kExitUsage;
  if (!batches_.create(samples, options.batch_size, options.shard, error)) return kExitLimit;
  position_ = {};
  position_.seed = options.seed;
  position_.batch_size = options.batch_size;
  position_.sample_count = samples->count();
  position_.shuffled = options.shuffle;
  return allocate(initial, count, error) ? kExitOk : kExitLimit;
}

bool TrainingLoop::allocate(const InitialTensor* initial, size_t count, ErrorText* error) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += aligned(initial[i].tensor.view.bytes);
  if (!tensors_.allocate(count) || !memory_.reserve(bytes) || !addresses_.allocate(count)) {
    return error->set("out of memory: weights and optimizer need %zu bytes", bytes);
  }
  for (size_t i = 0, at = 0; i < count; ++i) {
    const cnnc_tensor_view& view = initial[i].tensor.view;
    addresses_[i] = memory_.data() + at;
    tensors_[i] = initial[i].tensor;
    if (view.data) memcpy(addresses_[i], view.data, view.bytes);
    else fill(view, addresses_[i], initial[i].fill);
    at += aligned(view.bytes);
  }
  return true;
}

StepNumbers TrainingLoop::numbers() const {
  StepNumbers numbers;
  numbers.step = random_counter(position_.seed, position_.step);
  numbers.learning_rate = static_cast<float>(options_.learning_rate.at(position_.step));
  const StepFactors& factors = options_.factors;
  for (int32_t i = 0; i < factors.count; ++i) numbers.factors[i] = factors.at(i, position_.step);
  numbers.share = static_cast<float>(batches_.share(position_.batch));
  return numbers;
}

ExitCode TrainingLoop::take_order(ErrorText* error) {
  if (!options_.shuffle || ordered_epoch_ == position_.epoch) return kExitOk;
  ordered_epoch_ = position_.epoch;
  return batches_.shuffle(position_.seed, position_.epoch, error) ? kExitOk : kExitLimit;
}

ExitCode TrainingLoop::bad_loss(float loss, ErrorText* error) {
  ++position_.skipped;
  if (options_.skips_bad_steps) return kExitOk;
  error->set("the loss is %g in step %lld (epoch %lld); lower --lr, limit gradients with "
             "--global-clipnorm, or go on with --nan=skip",
             static_cast<double>(loss), static_cast<long long>(position_.step),
             static_cast<long long>(position_.epoch + 1));
  return kExitLimit;
}

ExitCode TrainingLoop::step(ErrorText* error) {
  ExitCode code = take_order(error);
  if (code != kExitOk) return code;
  Batch batch;
  if (!batches_.batch(position_.batch, &batch, error)) return kExitFile;
  StepRunner* runner = source_(batch.size, error);
  if (!runner) return kExitModel;
  float loss = 0;
  const cnnc_status status = runner->run(batch, numbers(), addresses_.data(), nullptr, &loss);
  if (status != CNNC_OK) {
    error->set("%s", cnnc_last_error(runner->executable()));
    return exit_code(status);
  }
  ++position_.step;
  ++position_.batch;
  if (!isfinite(loss)) return bad_loss(loss, error);
  const int64_t samples = batches_.size(position_.batch - 1);
  position_.loss_sum += static_cast<double>(loss) * static_cast<double>(samples);
  position_.samples_seen += samples;
  return kExitOk;
}

void TrainingLoop::end_epoch() {
  ++position_.epoch;
  position_.batch = position_.samples_seen = position_.skipped = 0;
  position_.loss_sum = 0;
}

double TrainingLoop::epoch_loss() const {
  if (position_.samples_seen == 0) return 0;
  return position_.loss_sum / static_cast<double>(position_.samples_seen);
}

const Array<CarriedTensor>& TrainingLoop::tensors() {
  for (size_t i = 0; i < tensors_.size(); ++i) tensors_[i].view.data = addresses_[i];
  return tensors_;
}

ExitCode TrainingLoop::save(const char* path, ErrorText* error) {
  const Array<CarriedTensor>& now = tensors();
  return write_checkpoint(path, position_, settings_, now.data(), now.size(), error) ? kExitOk
                                                                                     : kExitFile;
}

bool TrainingLoop::is_same_training(const Checkpoint& checkpoint, ErrorText* error) const {
  const TrainingPosition& then = checkpoint.position();
  const struct {
    const char* what;
    int64_t then, now;
  } numbers[] = {
      {"--batch-size", then.batch_size, position_.batch_size},
      {"a number of samples of", then.sample_count, position_.sample_count},
      {"a --seed of", static_cast<int64_t>(then.seed), static_cast<int64_t>(position_.seed)},
      {"shuffling", then.shuffled, position_.shuffled},
  };
  for (const auto& number : numbers) {
    if (number.then == number.now) continue;
    return error->set("'%s' is a checkpoint of training with %s %lld, now it is %lld: it would "
                      "not go on where it stopped",
                      checkpoint.path(), number.what, static_cast<long long>(number.then),
                      static_cast<long long>(number.now));
  }
  return checkpoint.has_settings(settings_, error);
}

ExitCode TrainingLoop::resume(const Checkpoint& checkpoint, ErrorText* error) {
  for (const CarriedTensor& tensor : tensors_) {
    if (!checkpoint.find(tensor, error)) return kExitFile;
  }
  if (checkpoint.tensors().size() != tensors_.size()) {
    error->set("'%s' is a checkpoint of another model or optimizer: it has %zu tensors, need %zu",
               checkpoint.path(), checkpoint.tensors().size(), tensors_.size());
    return kExitFile;
  }
  if (!is_same_training(checkpoint, error)) return kExitUsage;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const CarriedTensor* found = checkpoint.find(tensors_[i], error);
    memcpy(addresses_[i], found->view.data, found->view.bytes);
  }
  position_ = checkpoint.position();
  ordered_epoch_ = -1;
  return kExitOk;
}

} // namespace cnnc
