// Callbacks that write files: models and tables.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cnnc/model.h"
#include "ir/error.h"
#include "model/model_state.h"
#include "model/monitor.h"
#include "model/training_state.h"

namespace cnnc::dsl {

// ---- ModelCheckpoint -------------------------------------------------------------------------------------------------
// A number as Python's format() writes it, for the formats d, f, e and g with a width and a precision.
static std::string number_text(const std::string& field, const std::string& format, double value, bool whole) {
  const size_t digits = format.find_first_not_of("0123456789.");
  const bool known = digits == std::string::npos ||
      (digits + 1 == format.size() && std::strchr(whole ? "d" : "feg", format[digits]) != nullptr);
  if (!known || format.size() > 8)
    throw Error(cat("ModelCheckpoint: ", quoted(field), " has a format that is not known; it may be like ",
                    whole ? "{epoch:02d}" : "{val_loss:.2f}"),
                Fault::usage);
  char text[400];
  const std::string pattern = "%" + format + (digits != std::string::npos ? "" : whole ? "d" : "g");
  if (whole) std::snprintf(text, sizeof text, pattern.c_str(), static_cast<int>(value));
  else std::snprintf(text, sizeof text, pattern.c_str(), value);
  return text;
}

// "name" or "name:format".
static std::string field_text(const std::string& field, const Logs& logs) {
  const size_t colon = field.find(':');
  const std::string name = field.substr(0, colon), format = colon == std::string::npos ? "" : field.substr(colon + 1);
  const auto it = logs.find(name);
  if (it != logs.end()) return number_text(field, format, it->second, name == "epoch" || name == "batch");
  std::string known;
  for (const auto& [other, value] : logs) known += (known.empty() ? "" : ", ") + other;
  throw Error(cat("ModelCheckpoint: there is no ", quoted(name), " for the path; there are ", known), Fault::usage);
}

static std::string formatted(const std::string& path, const Logs& logs) {
  std::string text;
  for (size_t i = 0; i < path.size(); ++i) {
    const size_t end = path[i] == '{' ? path.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      text += path[i];
      continue;
    }
    text += field_text(path.substr(i + 1, end - i - 1), logs);
    i = end;
  }
  return text;
}

void ModelCheckpoint::on_train_begin(Model&) {
  best_ = options_.initial_value_threshold;
  warned_ = false;
  batches_ = 0;
}

void ModelCheckpoint::on_epoch_begin(Model&, int epoch) { epoch_ = epoch; }

void ModelCheckpoint::on_batch_end(Model& model, int64_t step, const Logs& logs) {
  if (options_.save_freq <= 0 || ++batches_ < options_.save_freq) return;
  batches_ = 0;
  Logs all = logs;
  all["batch"] = static_cast<double>(step + 1);
  save(model, std::move(all));
}

void ModelCheckpoint::on_epoch_end(Model& model, int, const Logs& logs) {
  if (options_.save_freq <= 0) save(model, logs);
}

void ModelCheckpoint::save(Model& model, Logs logs) {
  if (options_.save_best_only) {
    const std::optional<double> value = monitored(logs, options_.monitor, "ModelCheckpoint", warned_);
    if (!value || !improves(*value, best_, options_.mode, options_.monitor, 0)) return;
    best_ = value;
  }
  logs["epoch"] = epoch_ + 1;
  const std::filesystem::path path = formatted(path_, logs);
  // What cannot be made is said when the file is written.
  std::error_code code;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), code);
  model.save(path);
}

// ---- BackupAndRestore ------------------------------------------------------------------------------------------------
void BackupAndRestore::on_train_begin(Model& model) {
  std::error_code code;
  if (!std::filesystem::exists(path_, code)) return;
  const int before = model.epochs_done();
  model.load_checkpoint(path_);
  model.state()->training->epochs_before = model.epochs_done() - before;
}

// An epoch that is cut short is done again from its beginning.
void BackupAndRestore::on_epoch_end(Model& model, int, const Logs&) {
  if (model.state()->training->interrupted) return;
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  std::error_code code;
  if (!folder.empty()) std::filesystem::create_directories(folder, code);
  model.save_checkpoint(path_);
}

void BackupAndRestore::on_train_end(Model& model) {
  std::error_code code;
  if (delete_checkpoint_ && !model.state()->training->interrupted) std::filesystem::remove(path_, code);
}

// ---- CSVLogger -------------------------------------------------------------------------------------------------------
static std::ofstream opened(const std::string& path, std::ios::openmode mode) {
  std::ofstream file(path, mode);
  if (!file) throw Error(cat("cannot write '", path, "': ", std::strerror(errno)), Fault::file);
  return file;
}

void CSVLogger::on_train_begin(Model&) {
  std::ifstream old(path_);
  has_header_ = append_ && old.peek() != std::ifstream::traits_type::eof();
  names_.clear();
  opened(path_, append_ ? std::ios::app : std::ios::trunc);
}

// The columns are those of the first epoch, and of validation even if it comes later.
static std::vector<std::string> columns_of(const Logs& logs) {
  std::vector<std::string> names;
  bool validates = false;
  for (const auto& [name, value] : logs) {
    names.push_back(name);
    validates |= name.rfind("val_", 0) == 0;
  }
  for (const auto& [name, value] : logs)
    if (!validates) names.push_back("val_" + name);
  return names;
}

void CSVLogger::on_epoch_end(Model&, int epoch, const Logs& logs) {
  std::ofstream file = opened(path_, std::ios::app);
  if (names_.empty()) names_ = columns_of(logs);
  if (!has_header_) {
    file << "epoch";
    for (const std::string& name : names_) file << separator_ << name;
    file << "\n";
    has_header_ = true;
  }
  file.precision(17);
  file << epoch;
  for (const std::string& name : names_) {
    const auto it = logs.find(name);
    if (it == logs.end()) file << separator_ << "NA";
    else file << separator_ << it->second;
  }
  file << "\n";
  if (!file.flush()) throw Error(cat("cannot write '", path_, "': ", std::strerror(errno)), Fault::file);
}

}  // namespace cnnc::dsl
