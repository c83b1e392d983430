// The callbacks that come with the library.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "cnnc/model.h"
#include "ir/error.h"

namespace cnnc::dsl {

// The monitored value; the names there are when there is none of that name.
static double monitored(const Logs& logs, const std::string& name, const char* callback) {
  const auto it = logs.find(name);
  if (it != logs.end()) return it->second;
  std::string known;
  for (const auto& [other, value] : logs) known += (known.empty() ? "" : ", ") + other;
  throw Error(cat(callback, ": there is no '", name, "' to monitor; there are ", known), Fault::usage);
}

static bool wants_greater(Mode mode, const std::string& name) {
  if (mode != Mode::automatic) return mode == Mode::max;
  for (const char* part : {"acc", "auc", "precision", "recall"})
    if (name.find(part) != std::string::npos) return true;
  return false;
}

// Whether `value` is better than `best` by more than `delta`.
static bool improves(double value, const std::optional<double>& best, Mode mode, const std::string& name, double delta) {
  if (!best) return true;
  return wants_greater(mode, name) ? value - delta > *best : value + delta < *best;
}

static std::map<std::string, Array> weights_of(const Model& model) {
  std::map<std::string, Array> weights;
  for (const std::string& name : model.weight_names()) weights[name] = model.weight(name);
  return weights;
}

// ---- EarlyStopping ---------------------------------------------------------------------------------------------------
void EarlyStopping::on_train_begin(Model&) {
  wait_ = stopped_epoch_ = 0;
  best_.reset();
  best_weights_.clear();
}

void EarlyStopping::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  if (epoch < options_.start_from_epoch) return;
  const double value = monitored(logs, options_.monitor, "EarlyStopping");
  ++wait_;
  if (improves(value, best_, options_.mode, options_.monitor, std::abs(options_.min_delta))) {
    best_ = value;
    if (options_.restore_best_weights) best_weights_ = weights_of(model);
    // A baseline that is not reached does not reset the patience.
    if (!options_.baseline || improves(value, options_.baseline, options_.mode, options_.monitor, 0)) wait_ = 0;
    return;
  }
  if (wait_ < options_.patience || epoch == 0) return;
  stopped_epoch_ = epoch;
  model.stop_training();
}

void EarlyStopping::on_train_end(Model& model) {
  for (const auto& [name, value] : best_weights_) model.set_weight(name, value);
}

// ---- ModelCheckpoint -------------------------------------------------------------------------------------------------
// "{epoch:02d}" and "{val_loss:.2f}" as Python formats them; epochs count from 1.
static std::string formatted(const std::string& path, int epoch, const Logs& logs) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const size_t end = path[i] == '{' ? path.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      text += path[i];
      continue;
    }
    const std::string field = path.substr(i + 1, end - i - 1);
    const std::string name = field.substr(0, field.find(':'));
    const std::string format = field.find(':') == std::string::npos ? "" : field.substr(field.find(':') + 1);
    const bool is_epoch = name == "epoch";
    if (format.find_first_not_of("0123456789.dfe") != std::string::npos)
      throw Error(cat("ModelCheckpoint: ", quoted(field), " has a format that is not known"), Fault::usage);
    char number[64];
    if (is_epoch)
      std::snprintf(number, sizeof number, ("%" + (format.empty() ? std::string("d") : format)).c_str(), epoch + 1);
    else
      std::snprintf(number, sizeof number, ("%" + (format.empty() ? std::string("g") : format)).c_str(),
                    monitored(logs, name, "ModelCheckpoint"));
    text += number;
    i = end;
  }
  return text;
}

void ModelCheckpoint::on_train_begin(Model&) { best_.reset(); }

void ModelCheckpoint::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  if (options_.save_best_only) {
    const double value = monitored(logs, options_.monitor, "ModelCheckpoint");
    if (!improves(value, best_, options_.mode, options_.monitor, 0)) return;
    best_ = value;
  }
  model.save(formatted(path_, epoch, logs));
}

// ---- learning rates --------------------------------------------------------------------------------------------------
void ReduceLROnPlateau::on_train_begin(Model&) {
  wait_ = cooldown_ = 0;
  best_.reset();
}

void ReduceLROnPlateau::on_epoch_end(Model& model, int, const Logs& logs) {
  const double value = monitored(logs, options_.monitor, "ReduceLROnPlateau");
  if (cooldown_ > 0) --cooldown_, wait_ = 0;
  if (improves(value, best_, options_.mode, options_.monitor, options_.min_delta)) {
    best_ = value;
    wait_ = 0;
    return;
  }
  if (cooldown_ > 0 || ++wait_ < options_.patience) return;
  if (model.learning_rate() > options_.min_lr)
    model.set_learning_rate(std::max(model.learning_rate() * options_.factor, options_.min_lr));
  cooldown_ = options_.cooldown;
  wait_ = 0;
}

void LearningRateScheduler::on_epoch_begin(Model& model, int epoch) {
  model.set_learning_rate(schedule_(epoch, model.learning_rate()));
}

// ---- CSVLogger, TerminateOnNaN ---------------------------------------------------------------------------------------
static std::ofstream opened(const std::string& path, std::ios::openmode mode) {
  std::ofstream file(path, mode);
  if (!file) throw Error(cat(path, ": ", std::strerror(errno)), Fault::file);
  return file;
}

void CSVLogger::on_train_begin(Model&) {
  std::ifstream old(path_);
  has_header_ = append_ && old.peek() != std::ifstream::traits_type::eof();
  opened(path_, append_ ? std::ios::app : std::ios::trunc);
}

void CSVLogger::on_epoch_end(Model&, int epoch, const Logs& logs) {
  std::ofstream file = opened(path_, std::ios::app);
  if (!has_header_) {
    file << "epoch";
    for (const auto& [name, value] : logs) file << separator_ << name;
    file << "\n";
    has_header_ = true;
  }
  file.precision(17);
  file << epoch;
  for (const auto& [name, value] : logs) file << separator_ << value;
  file << "\n";
}

void TerminateOnNaN::on_batch_end(Model& model, int64_t step, const Logs& logs) {
  const auto loss = logs.find("loss");
  if (loss == logs.end() || std::isfinite(loss->second)) return;
  std::fprintf(stderr, "Batch %lld: Invalid loss, terminating training\n", static_cast<long long>(step));
  model.stop_training();
}

}  // namespace cnnc::dsl
