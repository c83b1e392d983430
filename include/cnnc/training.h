// Learning: losses, optimizers, metrics, callbacks. Names and defaults are Keras 3's.
#pragma once
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cnnc/array.h"

namespace cnnc::dsl {

class Model;

// ---- learning rates --------------------------------------------------------------------------------------------------
// Of step t, counted from 0 over all epochs.
struct ExponentialDecay { double initial, decay_steps, decay_rate; bool staircase = false; };
struct CosineDecay { double initial, decay_steps, alpha = 0; };
struct InverseTimeDecay { double initial, decay_steps, decay_rate; };
// values[i] up to and including step boundaries[i], the last one beyond.
struct PiecewiseConstant { std::vector<double> boundaries, values; };

class LearningRate {
 public:
  LearningRate(double fixed) : schedule_(fixed) {}
  LearningRate(ExponentialDecay s) : schedule_(s) {}
  LearningRate(CosineDecay s) : schedule_(s) {}
  LearningRate(InverseTimeDecay s) : schedule_(s) {}
  LearningRate(PiecewiseConstant s) : schedule_(std::move(s)) {}
  double at(int64_t step) const;
  bool is_fixed() const { return std::holds_alternative<double>(schedule_); }

 private:
  std::variant<double, ExponentialDecay, CosineDecay, InverseTimeDecay, PiecewiseConstant> schedule_;
};

// ---- optimizers ------------------------------------------------------------------------------------------------------
// What every optimizer may do to gradients and weights first; 0 is off.
struct Limits {
  double weight_decay = 0;  // decoupled: w -= rate * decay * w
  double clipnorm = 0, global_clipnorm = 0, clipvalue = 0;
};
struct SGD { LearningRate learning_rate = 0.01; double momentum = 0; bool nesterov = false; Limits limits = {}; };
struct Adam {
  LearningRate learning_rate = 0.001; double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7; Limits limits = {};
};
struct AdamW {
  LearningRate learning_rate = 0.001; double weight_decay = 0.004, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  Limits limits = {};
};
struct RMSprop {
  LearningRate learning_rate = 0.001; double rho = 0.9, momentum = 0, epsilon = 1e-7; bool centered = false;
  Limits limits = {};
};
struct Adagrad {
  LearningRate learning_rate = 0.001; double initial_accumulator_value = 0.1, epsilon = 1e-7; Limits limits = {};
};
using Optimizer = std::variant<SGD, Adam, AdamW, RMSprop, Adagrad>;

// ---- losses: the mean over the samples of weight * loss --------------------------------------------------------------
// Labels are classes (integers [samples]).
struct SparseCategoricalCrossentropy { bool from_logits = false; };
// Labels are rows of numbers.
struct CategoricalCrossentropy { bool from_logits = false; double label_smoothing = 0; };
struct BinaryCrossentropy { bool from_logits = false; double label_smoothing = 0; };
struct MeanSquaredError {};
struct MeanAbsoluteError {};
struct Huber { double delta = 1; };
using Loss = std::variant<SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy,
                          MeanSquaredError, MeanAbsoluteError, Huber>;

// ---- metrics ---------------------------------------------------------------------------------------------------------
// Sparse, categorical or binary as the loss is; binary outputs count as one from 0.5 on (logits: from 0 on).
struct Accuracy {};
struct TopKAccuracy { int64_t k = 5; };
// Of class 1 of a binary output, or of class `class_id`.
struct Precision { int64_t class_id = 1; };
struct Recall { int64_t class_id = 1; };
// Area under the ROC curve of a binary output, as Keras computes it with 200 thresholds.
struct AUC {};
struct MeanSquaredErrorMetric {};
struct MeanAbsoluteErrorMetric {};
using Metric = std::variant<Accuracy, TopKAccuracy, Precision, Recall, AUC, MeanSquaredErrorMetric,
                            MeanAbsoluteErrorMetric>;

// ---- callbacks -------------------------------------------------------------------------------------------------------
// Names to values: "loss", "accuracy", "val_loss", ...
using Logs = std::map<std::string, double>;

class Callback {
 public:
  virtual ~Callback() = default;
  virtual void on_train_begin(Model&) {}
  virtual void on_train_end(Model&) {}
  virtual void on_epoch_begin(Model&, int /*epoch, from 0*/) {}
  virtual void on_epoch_end(Model&, int, const Logs&) {}
  virtual void on_batch_end(Model&, int64_t /*step of the epoch, from 0*/, const Logs&) {}
};

// Makes a callback of any class derived from Callback, or takes a shared one.
class CallbackHandle {
 public:
  template <typename C>
    requires std::derived_from<C, Callback>
  CallbackHandle(C callback) : callback_(std::make_shared<C>(std::move(callback))) {}
  CallbackHandle(std::shared_ptr<Callback> callback) : callback_(std::move(callback)) {}
  Callback* operator->() const { return callback_.get(); }

 private:
  std::shared_ptr<Callback> callback_;
};

// automatic: min for losses and errors, max for accuracies, precision, recall, AUC, F1 and IoU.
enum class Mode { automatic, min, max };

struct EarlyStoppingOptions {
  std::string monitor = "val_loss";
  double min_delta = 0;
  int patience = 0;
  Mode mode = Mode::automatic;
  std::optional<double> baseline = {};
  bool restore_best_weights = false;  // also when training ends by itself
  int start_from_epoch = 0;
};
class EarlyStopping : public Callback {
 public:
  explicit EarlyStopping(EarlyStoppingOptions options = {}) : options_(std::move(options)) {}
  void on_train_begin(Model& model) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  void on_train_end(Model& model) override;
  int stopped_epoch() const { return stopped_epoch_; }

 private:
  EarlyStoppingOptions options_;
  int wait_ = 0, stopped_epoch_ = 0;
  std::optional<double> best_;
  std::map<std::string, Array> best_weights_;
};

struct ModelCheckpointOptions {
  std::string monitor = "val_loss";
  bool save_best_only = false;
  Mode mode = Mode::automatic;
  int64_t save_freq = 0;                                 // every so many batches; 0: at the end of epochs
  std::optional<double> initial_value_threshold = {};  // what the first model that is saved as the best must surpass
};
// Saves ONNX. "{epoch:02d}", "{val_loss:.2f}" and, with save_freq, "{batch}" in the path become numbers, the epoch and
// the batch counted from 1. Folders are made as needed.
class ModelCheckpoint : public Callback {
 public:
  explicit ModelCheckpoint(std::string path, ModelCheckpointOptions options = {})
      : path_(std::move(path)), options_(std::move(options)) {}
  void on_train_begin(Model& model) override;
  void on_epoch_begin(Model& model, int epoch) override;
  void on_batch_end(Model& model, int64_t step, const Logs& logs) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;

 private:
  void save(Model& model, Logs logs);

  std::string path_;
  ModelCheckpointOptions options_;
  int epoch_ = 0;
  int64_t batches_ = 0;  // since the last saving
  std::optional<double> best_;
};

struct ReduceLROnPlateauOptions {
  std::string monitor = "val_loss";
  double factor = 0.1;
  int patience = 10;
  Mode mode = Mode::automatic;
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_lr = 0;
};
class ReduceLROnPlateau : public Callback {
 public:
  // Throws unless the factor is less than 1.
  explicit ReduceLROnPlateau(ReduceLROnPlateauOptions options = {});
  void on_train_begin(Model& model) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;

 private:
  ReduceLROnPlateauOptions options_;
  int wait_ = 0, cooldown_ = 0;
  std::optional<double> best_;
};

// rate = schedule(epoch from 0, present rate) at the beginning of each epoch.
class LearningRateScheduler : public Callback {
 public:
  explicit LearningRateScheduler(std::function<double(int, double)> schedule) : schedule_(std::move(schedule)) {}
  void on_epoch_begin(Model& model, int epoch) override;

 private:
  std::function<double(int, double)> schedule_;
};

// One line an epoch, with a header of names; NA where an epoch has no value.
class CSVLogger : public Callback {
 public:
  explicit CSVLogger(std::string path, char separator = ',', bool append = false)
      : path_(std::move(path)), separator_(separator), append_(append) {}
  void on_train_begin(Model& model) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;

 private:
  std::string path_;
  char separator_;
  bool append_, has_header_ = false;
  std::vector<std::string> names_;
};

// Scalars of every epoch in files that TensorBoard opens: FOLDER/train and FOLDER/validation, as Keras has them.
class TensorBoard : public Callback {
 public:
  explicit TensorBoard(std::string folder = "logs") : folder_(std::move(folder)) {}
  void on_train_begin(Model& model) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;

 private:
  void write(const std::string& run, int epoch, const std::string& name, double value);

  std::string folder_;
  std::map<std::string, std::string> files_;  // by the name of the run
};

// Functions as a callback: LambdaCallback({.on_epoch_end = [](Model& model, int epoch, const Logs& logs) { ... }}).
struct LambdaFunctions {
  std::function<void(Model&)> on_train_begin = {}, on_train_end = {};
  std::function<void(Model&, int epoch)> on_epoch_begin = {};
  std::function<void(Model&, int epoch, const Logs&)> on_epoch_end = {};
  std::function<void(Model&, int64_t step, const Logs&)> on_batch_end = {};
};
class LambdaCallback : public Callback {
 public:
  explicit LambdaCallback(LambdaFunctions functions) : functions_(std::move(functions)) {}
  void on_train_begin(Model& model) override { if (functions_.on_train_begin) functions_.on_train_begin(model); }
  void on_train_end(Model& model) override { if (functions_.on_train_end) functions_.on_train_end(model); }
  void on_epoch_begin(Model& model, int epoch) override {
    if (functions_.on_epoch_begin) functions_.on_epoch_begin(model, epoch);
  }
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override {
    if (functions_.on_epoch_end) functions_.on_epoch_end(model, epoch, logs);
  }
  void on_batch_end(Model& model, int64_t step, const Logs& logs) override {
    if (functions_.on_batch_end) functions_.on_batch_end(model, step, logs);
  }

 private:
  LambdaFunctions functions_;
};

// Ends training when the loss of a batch is no number.
class TerminateOnNaN : public Callback {
 public:
  void on_batch_end(Model& model, int64_t step, const Logs& logs) override;
};

// ---- fit and evaluate ------------------------------------------------------------------------------------------------
enum class Verbose { automatic, silent, bar, lines };  // automatic: a bar on a terminal, plain lines elsewhere

struct FitOptions {
  int epochs = 1;
  int64_t batch_size = 32;
  // The last part of the data, cut off before shuffling, is held out: floor(samples * (1 - split)) train.
  double validation_split = 0;
  Dataset validation_data = {};  // overrides the split
  int validation_freq = 1;
  bool shuffle = true;  // anew at each epoch
  std::map<int64_t, double> class_weight = {};
  Array sample_weight = {};
  std::vector<CallbackHandle> callbacks = {};
  Verbose verbose = Verbose::automatic;
  int initial_epoch = 0;
  int threads = 0;
};

struct EvaluateOptions {
  int64_t batch_size = 32;
  Array sample_weight = {};
  Verbose verbose = Verbose::automatic;
  int threads = 0;
};

struct History {
  std::vector<int> epoch;
  std::map<std::string, std::vector<double>> history;
  std::vector<double> seconds;  // of each epoch

  // Curves of all values over the epochs, those of one kind in one plot: loss beside val_loss.
  void save_svg(const std::string& path) const;
};

// How many samples of class i (row) are taken for class j (column): int64_t [classes, classes].
Array confusion_matrix(const Array& labels, const Array& predicted, int64_t classes);

}  // namespace cnnc::dsl
