#include "runtime/program.h"

#include <cstring>

namespace cnnc {
namespace {

// Zero-terminated texts one after another; offset 0 is the empty string.
class StringSection {
 public:
  uint32_t add(const std::string& text) {
    if (text.empty()) return 0;
    const auto offset = static_cast<uint32_t>(bytes_.size());
    bytes_.insert(bytes_.end(), text.c_str(), text.c_str() + text.size() + 1);
    return offset;
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_ = {0};
};

class PlanWriter {
 public:
  explicit PlanWriter(const Program& program) : program_(program) {}

  std::vector<uint8_t> write() {
    collect();
    header_.magic = kPlanMagic;
    header_.version = kPlanVersion;
    header_.value_count = program_.value_count;
    header_.threads = program_.threads;
    out_.resize(sizeof header_);
    append(&header_.symbols, symbols_);
    append(&header_.inputs, inputs_);
    append(&header_.outputs, outputs_);
    append(&header_.dims, dims_);
    append(&header_.buffers, buffers_);
    append(&header_.steps, steps_);
    append(&header_.operands, operands_);
    append(&header_.sizes, sizes_);
    append(&header_.params, params_);
    append(&header_.strings, strings_.bytes());
    append(&header_.conditions, conditions_);
    seal();
    return std::move(out_);
  }

 private:
  void collect() {
    for (const ProgramSymbol& symbol : program_.symbols) {
      symbols_.push_back({strings_.add(symbol.name), symbol.defined_by});
    }
    for (const ProgramTensor& tensor : program_.inputs) inputs_.push_back(record(tensor));
    for (const ProgramTensor& tensor : program_.outputs) outputs_.push_back(record(tensor));
    for (const ProgramCondition& condition : program_.conditions) {
      conditions_.push_back({condition.value, strings_.add(condition.text)});
    }
    for (const ProgramBuffer& buffer : program_.buffers) {
      buffers_.push_back({buffer.kind, buffer.bytes_value, buffer.first_step, buffer.last_step,
                          buffer.base, buffer.offset_value, buffer.offset});
    }
    for (const ProgramStep& step : program_.steps) steps_.push_back(record(step));
  }

  TensorRecord record(const ProgramTensor& tensor) {
    const TensorRecord result{strings_.add(tensor.name), tensor.dtype,
                              static_cast<uint32_t>(dims_.size()),
                              static_cast<uint32_t>(tensor.dims.size()), tensor.updates};
    for (const ProgramDim& dim : tensor.dims) {
      dims_.push_back({dim.value, dim.symbol, dim.fixed, strings_.add(dim.text), 0});
    }
    return result;
  }

  StepRecord record(const ProgramStep& step) {
    while (params_.size() % 8) params_.push_back(0);
    StepRecord result{};
    result.kernel = step.kernel;
    result.flags = step.flags;
    result.first_operand = static_cast<uint32_t>(operands_.size());
    result.operand_count = static_cast<uint32_t>(step.operands.size());
    result.first_size = static_cast<uint32_t>(sizes_.size());
    result.size_count = static_cast<uint32_t>(step.sizes.size());
    result.tasks_value = step.tasks_value;
    result.scratch_value = step.scratch_value;
    result.params_offset = static_cast<uint32_t>(params_.size());
    result.params_bytes = static_cast<uint32_t>(step.params.size());
    result.name = strings_.add(step.name);
    result.kernel_name = strings_.add(step.kernel_name);
    result.sources = strings_.add(step.sources);
    result.flops_value = step.flops_value;
    result.bytes_value = step.bytes_value;
    operands_.insert(operands_.end(), step.operands.begin(), step.operands.end());
    sizes_.insert(sizes_.end(), step.sizes.begin(), step.sizes.end());
    params_.insert(params_.end(), step.params.begin(), step.params.end());
    return result;
  }

  template <typename T>
  void append(PlanSection* section, const std::vector<T>& records) {
    out_.resize((out_.size() + 7) / 8 * 8);
    *section = {static_cast<uint32_t>(out_.size()), static_cast<uint32_t>(records.size())};
    const auto* bytes = reinterpret_cast<const uint8_t*>(records.data());
    out_.insert(out_.end(), bytes, bytes + records.size() * sizeof(T));
  }

  void seal() {
    header_.bytes = out_.size();
    header_.checksum = 0;
    header_.checksum =
        plan_checksum(&header_, sizeof header_) ^
        plan_checksum(out_.data() + sizeof header_, out_.size() - sizeof header_);
    std::memcpy(out_.data(), &header_, sizeof header_);
  }

  const Program& program_;
  PlanHeader header_{};
  std::vector<SymbolRecord> symbols_;
  std::vector<TensorRecord> inputs_, outputs_;
  std::vector<DimRecord> dims_;
  std::vector<ConditionRecord> conditions_;
  std::vector<BufferRecord> buffers_;
  std::vector<StepRecord> steps_;
  std::vector<OperandRecord> operands_;
  std::vector<uint32_t> sizes_;
  std::vector<uint8_t> params_;
  StringSection strings_;
  std::vector<uint8_t> out_;
};

} // namespace

std::vector<uint8_t> serialize(const Program& program) { return PlanWriter(program).write(); }

} // namespace cnnc
