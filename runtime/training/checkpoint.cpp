#include "runtime/training/checkpoint.h"

#include <string.h>

#include "runtime/host_tensor.h"

namespace cnnc {
namespace {

constexpr char kMagic[8] = {'C', 'N', 'N', 'C', 'K', 'P', 'T', '3'};
constexpr uint64_t kMostTensors = 1 << 20;

struct Header {
  char magic[8];
  TrainingPosition position;
  uint64_t tensor_count;
  uint64_t settings_bytes; // of the text that follows, with a final 0 and padded to 8 bytes
};

// The name, with a final 0 and padded to 8 bytes, and the bytes, padded likewise, follow.
struct TensorHeader {
  int32_t role, dtype, rank, name_bytes;
  int64_t dims[CNNC_MAX_RANK];
};

constexpr size_t padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

// FNV over words of 8 bytes: every part of the file is a multiple of them.
class Checksum {
 public:
  void add(const void* data, size_t bytes) {
    const auto* at = static_cast<const char*>(data);
    for (size_t i = 0; i < bytes; i += 8) {
      uint64_t word = 0;
      memcpy(&word, at + i, bytes - i < 8 ? bytes - i : 8);
      value_ = (value_ ^ word) * UINT64_C(0x100000001b3);
      value_ ^= value_ >> 29;
    }
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = UINT64_C(0xcbf29ce484222325);
};

class Writer {
 public:
  Writer(FileWriter* file, ErrorText* error) : file_(*file), error_(error) {}

  bool add(const void* data, size_t bytes) {
    constexpr char kZeros[8] = {};
    sum_.add(data, bytes);
    return file_.write(data, bytes, error_) && file_.write(kZeros, padded(bytes) - bytes, error_);
  }
  bool tensor(const CarriedTensor& tensor) {
    const size_t name_bytes = strlen(tensor.name) + 1;
    TensorHeader header{};
    header.role = static_cast<int32_t>(tensor.role);
    header.dtype = tensor.view.dtype;
    header.rank = tensor.view.rank;
    header.name_bytes = static_cast<int32_t>(name_bytes);
    memcpy(header.dims, tensor.view.dims, sizeof header.dims);
    return add(&header, sizeof header) && add(tensor.name, name_bytes) &&
           add(tensor.view.data, tensor.view.bytes);
  }
  bool finish() {
    const uint64_t sum = sum_.value();
    return file_.write(&sum, sizeof sum, error_) && file_.commit(error_);
  }

 private:
  FileWriter& file_;
  ErrorText* error_;
  Checksum sum_;
};

// Takes records from the bytes of a file; NULL beyond their end.
class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : at_(data), left_(size) {}

  const uint8_t* take(size_t bytes) {
    if (bytes > left_ || padded(bytes) > left_) return nullptr;
    const uint8_t* taken = at_;
    at_ += padded(bytes);
    left_ -= padded(bytes);
    return taken;
  }

  bool tensor(CarriedTensor* out) {
    TensorHeader header;
    const uint8_t* start = take(sizeof header);
    if (!start) return false;
    memcpy(&header, start, sizeof header);
    if (header.rank < 0 || header.rank > CNNC_MAX_RANK || header.name_bytes < 1) return false;
    const int64_t bytes = tensor_bytes(header.dtype, header.rank, header.dims);
    const auto name_bytes = static_cast<size_t>(header.name_bytes);
    const auto* name = reinterpret_cast<const char*>(take(name_bytes));
    if (bytes < 0 || !name || name[name_bytes - 1]) return false;
    const uint8_t* data = take(static_cast<size_t>(bytes));
    if (!data) return false;
    out->name = name;
    out->role = static_cast<CarriedRole>(header.role);
    out->view.data = const_cast<uint8_t*>(data);
    out->view.bytes = static_cast<size_t>(bytes);
    out->view.dtype = header.dtype;
    out->view.rank = header.rank;
    memcpy(out->view.dims, header.dims, sizeof header.dims);
    return true;
  }

 private:
  const uint8_t* at_;
  size_t left_;
};

// The length of the line at `text`, without its end.
int line_length(const char* text) { return static_cast<int>(strcspn(text, "\n")); }

bool same_type(const cnnc_tensor_view& a, const cnnc_tensor_view& b) {
  return a.dtype == b.dtype && a.rank == b.rank &&
         !memcmp(a.dims, b.dims, static_cast<size_t>(a.rank) * sizeof *a.dims);
}

} // namespace

bool write_checkpoint(const char* path, const TrainingPosition& position, const char* settings,
                      const CarriedTensor* tensors, size_t count, ErrorText* error) {
  FileWriter file;
  if (!file.open(path, error)) return false;
  Writer writer(&file, error);
  Header header{};
  memcpy(header.magic, kMagic, sizeof kMagic);
  header.position = position;
  header.tensor_count = count;
  header.settings_bytes = strlen(settings) + 1;
  if (!writer.add(&header, sizeof header) || !writer.add(settings, header.settings_bytes)) {
    return false;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!writer.tensor(tensors[i])) return false;
  }
  return writer.finish();
}

bool Checkpoint::read(const char* path, ErrorText* error) {
  path_ = path;
  if (!file_.read(path, error)) return false;
  const auto damaged = [&](const char* why) {
    return error->set("'%s' is no checkpoint that can be used: %s", path, why);
  };
  constexpr size_t kVersion = sizeof kMagic - 1;
  if (file_.size() < sizeof kMagic || memcmp(file_.data(), kMagic, kVersion)) {
    return damaged("it is a file of another kind");
  }
  if (file_.data()[kVersion] != kMagic[kVersion]) {
    return damaged("another version of cnnc wrote it, which goes on from it");
  }
  Header header;
  uint64_t sum;
  if (file_.size() < sizeof header + sizeof sum) return damaged("it is cut short");
  const size_t bytes = file_.size() - sizeof sum;
  Checksum found;
  found.add(file_.data(), bytes);
  memcpy(&sum, file_.data() + bytes, sizeof sum);
  if (sum != found.value()) return damaged("it is cut short or damaged");
  Reader reader(file_.data(), bytes);
  memcpy(&header, reader.take(sizeof header), sizeof header);
  position_ = header.position;
  settings_ = reinterpret_cast<const char*>(reader.take(header.settings_bytes));
  if (!settings_ || header.settings_bytes == 0 || settings_[header.settings_bytes - 1]) {
    return damaged("it is damaged");
  }
  if (header.tensor_count > kMostTensors || !tensors_.allocate(header.tensor_count)) {
    return damaged("it has too many tensors");
  }
  for (CarriedTensor& tensor : tensors_) {
    if (!reader.tensor(&tensor)) return damaged("it is damaged");
  }
  return true;
}

const CarriedTensor* Checkpoint::find(const CarriedTensor& wanted, ErrorText* error) const {
  const char* kind = wanted.role == CarriedRole::parameter ? "weight" : "state of the optimizer";
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const CarriedTensor& tensor = tensors_[i];
    if (tensor.role != wanted.role || strcmp(tensor.name, wanted.name)) continue;
    if (same_type(tensor.view, wanted.view)) return &tensor;
    char has[256], needs[256];
    error->set("'%s' is a checkpoint of another model: '%s' is %s, need %s", path_, wanted.name,
               print_type(tensor.view.dtype, tensor.view.rank, tensor.view.dims, has, sizeof has),
               print_type(wanted.view.dtype, wanted.view.rank, wanted.view.dims, needs,
                          sizeof needs));
    return nullptr;
  }
  error->set("'%s' is a checkpoint of another model or optimizer: it has no %s '%s'", path_, kind,
             wanted.name);
  return nullptr;
}

bool Checkpoint::has_settings(const char* wanted, ErrorText* error) const {
  const char *then = settings_, *now = wanted;
  if (!*then) return true;
  while (*then && *now) {
    const int length = line_length(then);
    if (length != line_length(now) || memcmp(then, now, static_cast<size_t>(length))) break;
    then += length + (then[length] != 0);
    now += length + (now[length] != 0);
  }
  if (!*then && !*now) return true;
  return error->set("'%s' is a checkpoint of training with %.*s, now it is %.*s: it would not go on "
                    "where it stopped",
                    path_, *then ? line_length(then) : 7, *then ? then : "nothing",
                    *now ? line_length(now) : 7, *now ? now : "nothing");
}

} // namespace cnnc
