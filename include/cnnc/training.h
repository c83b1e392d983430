// Learning: callbacks, and the options of fit and evaluate. Names and defaults are Keras 3's.
#pragma once
#include <concepts>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnc/array.h"
#include "cnnc/losses.h"
#include "cnnc/optimizers.h"

namespace cnnc::dsl {

class Model;

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
  bool warned_ = false;  // that an epoch has no such value
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
  bool warned_ = false;  // that an epoch has no such value
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
  bool warned_ = false;  // that an epoch has no such value
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

// Training that was killed goes on: with the file of an earlier run, fit loads it and continues behind the last whole
// epoch, bit for bit as if nothing had happened. Each epoch writes the file (a checkpoint); a fit that comes to its end
// removes it, one that Ctrl-C ends leaves it.
class BackupAndRestore : public Callback {
 public:
  explicit BackupAndRestore(std::string path, bool delete_checkpoint = true)
      : path_(std::move(path)), delete_checkpoint_(delete_checkpoint) {}
  void on_train_begin(Model& model) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  void on_train_end(Model& model) override;

 private:
  std::string path_;
  bool delete_checkpoint_;
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

// Weights of samples by their class, 1 for classes that are not named: {{0, 1}, {1, 5}}. Of models of several outputs by
// the output's name: {{"label", {{0, 1}, {1, 5}}}}.
class ClassWeights {
 public:
  using OfClasses = std::map<int64_t, double>;
  using OfOutputs = std::map<std::string, OfClasses>;
  ClassWeights() = default;
  ClassWeights(OfClasses weights) : of_classes_(std::move(weights)) {}
  ClassWeights(OfOutputs weights) : of_outputs_(std::move(weights)) {}
  ClassWeights(std::initializer_list<OfClasses::value_type> weights) : of_classes_(weights) {}
  ClassWeights(std::initializer_list<OfOutputs::value_type> weights) : of_outputs_(weights) {}

  bool empty() const { return of_classes_.empty() && of_outputs_.empty(); }
  const OfClasses& of_classes() const { return of_classes_; }
  const OfOutputs& of_outputs() const { return of_outputs_; }

 private:
  OfClasses of_classes_;  // of the only output
  OfOutputs of_outputs_;
};

struct FitOptions {
  int epochs = 1;  // fit ends before the epoch of this number
  int64_t batch_size = 32;
  // The last part of the data, cut off before shuffling, is held out: floor(samples * (1 - split)) train.
  double validation_split = 0;
  Samples validation_data = {};  // overrides the split
  int validation_freq = 1;       // every so many epochs
  int64_t validation_batch_size = 0;  // 0: batch_size
  bool shuffle = true;           // anew at each epoch
  ClassWeights class_weight = {};
  ArrayList sample_weight = {};  // one number for each sample; of several outputs one array for all, or one for each
  std::vector<CallbackHandle> callbacks = {};
  Verbose verbose = Verbose::automatic;
  int initial_epoch = 0;
  int64_t steps_per_epoch = 0;  // an epoch is so many batches, the next one goes on behind them; 0: all of the data
  int threads = 0;
  // Limit in bytes of a training step's working memory besides weights and the optimizer's state: values are computed
  // again to keep it. 0: none. One that is out of reach is refused with the least that fits.
  int64_t max_mem = 0;
};

struct EvaluateOptions {
  int64_t batch_size = 32;
  ArrayList sample_weight = {};
  Verbose verbose = Verbose::automatic;
  int threads = 0;
};

struct BatchOptions {
  ArrayList sample_weight = {};
  ClassWeights class_weight = {};  // of train_on_batch
  int threads = 0;
  int64_t max_mem = 0;  // of train_on_batch, as of fit
};

// The loss, then for several outputs the loss of each one, then the metrics in the order of compile().
struct Evaluation : std::vector<double> {
  Logs logs;  // the same by their names
};

struct History {
  std::vector<int> epoch;
  std::map<std::string, std::vector<double>> history;
  std::vector<double> seconds;  // of each epoch
  bool interrupted = false;     // by Ctrl-C

  // Curves of all values over the epochs, those of one kind in one plot: loss beside val_loss.
  void save_svg(const std::string& path) const;
};

// How many samples of class i (row) are taken for class j (column): int64_t [classes, classes].
Array confusion_matrix(const Array& labels, const Array& predicted, int64_t classes);

}  // namespace cnnc::dsl
