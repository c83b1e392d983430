// Numbers in memory: data that a model learns from and what it predicts.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cnnc {
enum class DType : uint8_t;

namespace dsl {

using Shape = std::vector<int64_t>;
struct ArrayStorage;

// A dense array in row-major order. Copies share their elements, which do not change once they are shared.
//
// Elements are float, double, int8_t, uint8_t, int32_t, int64_t or bool.
class Array {
 public:
  Array();  // no elements: "not given"
  // Throws when `values` has another number of elements than `shape`.
  template <typename T>
  Array(Shape shape, const std::vector<T>& values);
  template <typename T>
  static Array zeros(Shape shape);

  const Shape& shape() const;
  int64_t size() const;
  bool empty() const { return size() == 0; }
  // Size of the first axis: how many samples there are.
  int64_t rows() const;
  // "f32[60000,28,28]".
  std::string type() const;

  // Throws when the elements are of another type.
  template <typename T>
  const T* data() const;
  template <typename T>
  T* mutable_data();
  // One element of any type as a number, with the scale.
  double at(int64_t index) const;

  // Rows [begin, end), which share the elements.
  Array slice(int64_t begin, int64_t end) const;
  // These rows in this order, copied.
  Array take(const std::vector<int64_t>& rows) const;
  Array reshaped(Shape shape) const;
  // The same bytes, read by models as float(element) * factor: pixels stay bytes until a batch needs them.
  Array scaled(double factor) const;
  double scale() const;
  // All elements as float, scaled.
  Array to_float() const;
  // Index of the greatest element of each row, int64_t: the classes that a classifier predicts.
  Array argmax() const;

  // Reads and writes NumPy's .npy. Half floats become float, 16 bits int32_t, 32 unsigned ones int64_t. Throws when the
  // file does not hold an array of numbers.
  static Array load(const std::string& path);
  void save(const std::string& path) const;

  // For the library itself.
  explicit Array(std::shared_ptr<const ArrayStorage> storage) : storage_(std::move(storage)) {}
  const ArrayStorage& storage() const { return *storage_; }

 private:
  std::shared_ptr<const ArrayStorage> storage_;
};

using Arrays = std::vector<Array>;

// Samples and what they should give: labels of classes (integers), or rows of numbers.
struct Dataset {
  Array x, y;
};

// One array for each input or output of a model; one alone where there is one.
struct ArrayList : Arrays {
  ArrayList() = default;
  // An array of no samples is given too; one that nobody made is not.
  ArrayList(Array one) { if (one.shape() != Shape{0}) push_back(std::move(one)); }
  ArrayList(Arrays all) : Arrays(std::move(all)) {}
  ArrayList(std::initializer_list<Array> all) : Arrays(all) {}
};

// The same for models of several inputs or outputs: Samples{{images, numbers}, {labels, boxes}}.
struct Samples {
  ArrayList x, y;

  Samples() = default;
  Samples(const Dataset& data) : x(data.x), y(data.y) {}
  Samples(ArrayList inputs, ArrayList outputs) : x(std::move(inputs)), y(std::move(outputs)) {}
};

}  // namespace dsl
}  // namespace cnnc
