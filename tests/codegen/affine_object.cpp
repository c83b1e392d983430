#include "tests/codegen/affine_object.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "runtime/program.h"
#include "tests/runtime/affine_model.h"

namespace cnnc {

static std::string c_source() {
  std::ostringstream out;
  out << "#include \"runtime/model.h\"\n#include <string.h>\nextern const char cnnc_weights[];\n"
         "static const unsigned char plan[] __attribute__((aligned(8))) = {";
  for (const uint8_t byte : serialize(affine_program())) out << int{byte} << ",";
  out << "};\n"
         "static void sizes(const int64_t* s, int64_t* v) {\n"
         "  v[0] = s[0]; v[1] = 3; v[2] = s[0] * 12; v[3] = 12; v[4] = 1 << 30;\n"
         "}\n"
         "static void add(void* const* a, const int64_t* s, int64_t begin, int64_t end, void* scratch) {\n"
         "  const float *x = a[0], *w = a[1]; float* t = a[2];\n"
         "  for (int64_t i = begin * 3; i < end * 3; ++i) t[i] = x[i] + w[i % 3];\n"
         "}\n"
         "static void twice(void* const* a, const int64_t* s, int64_t begin, int64_t end, void* scratch) {\n"
         "  const float* t = a[0]; float* y = a[1];\n"
         "  for (int64_t r = begin; r < end; ++r)\n"
         "    for (int64_t i = 0; i < 3; ++i) y[r * 3 + i] = 2 * t[(s[0] - 1 - r) * 3 + i];\n"
         "}\n"
         "static const cnnc_kernel kernels[] = {add, twice};\n"
         "const struct cnnc_model cnnc_model = {CNNC_MODEL_MAGIC, CNNC_MODEL_ABI, 2, plan, sizeof plan, kernels, 0, 0,\n"
         "                                      sizes, cnnc_weights, "
      << kAffineWeightBytes << ", 0};\n";
  return out.str();
}

codegen::CompiledModel affine_object(const std::string& folder) {
  const std::string base = folder + "/affine_object";
  std::ofstream(base + ".c") << c_source();
  const std::string command = "cc -c -O1 -fPIC -I " CNNC_SOURCE_DIR " -o " + base + ".o " + base + ".c";
  if (std::system(command.c_str()) != 0) std::abort();
  std::ifstream file(base + ".o", std::ios::binary);
  codegen::CompiledModel model;
  model.object.assign(std::istreambuf_iterator<char>(file), {});
  std::remove((base + ".c").c_str());
  std::remove((base + ".o").c_str());
  model.weights.parts.push_back({0, Tensor::of<float>(DType::f32, {3}, {1, 2, 3})});
  Tensor last(DType::u8, {64});
  last.mutable_data<uint8_t>()[63] = 42;
  model.weights.parts.push_back({kAffineWeightBytes - 64, last});
  model.weights.bytes = kAffineWeightBytes;
  return model;
}

}  // namespace cnnc
