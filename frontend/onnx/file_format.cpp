#include "frontend/onnx/file_format.h"

#include <cctype>

namespace cnnc {
namespace {

struct Signature {
  size_t offset;
  std::string_view bytes;
  const char* format;
};

using namespace std::string_view_literals;

constexpr Signature kSignatures[] = {
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras saves .h5 so; convert it with tf2onnx)"},
    {4, "TFL3"sv, "a TensorFlow Lite model (convert it with tf2onnx)"},
    {4, "ORTM"sv,
     "a model in ONNX Runtime's own format (use the .onnx file that it was made from)"},
    {0, "version https://git-lfs"sv,
     "a Git LFS pointer, not the file itself (fetch it with git lfs pull)"},
    {0, "\x80\x02"sv,
     "a Python pickle (PyTorch saves .pt so; export the model with torch.onnx.export)"},
    {0, "\x93NUMPY"sv, "a NumPy array"},
    {0, "GGUF"sv, "a GGUF model"},
    {0, "\x1f\x8b"sv, "a gzip file (unpack it first)"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "an xz file (unpack it first)"},
    {0, "BZh"sv, "a bzip2 file (unpack it first)"},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard file (unpack it first)"},
    {257, "ustar"sv, "a tar archive (unpack it first)"},
    {0,
     "\x7f"
     "ELF"sv,
     "an executable or library"},
    {0, "\x89PNG\r\n\x1a\n"sv, "a PNG image"},
    {0, "\xff\xd8\xff"sv, "a JPEG image"},
    {0, "%PDF"sv, "a PDF document"},
    {0, "7767517\n"sv, "an ncnn model"},
};

bool starts_with(std::string_view bytes, size_t offset, std::string_view prefix) {
  return bytes.size() >= offset && bytes.substr(offset, prefix.size()) == prefix;
}

std::string archive(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  if (head.find("data.pkl") != head.npos || head.find("archive/") != head.npos ||
      head.find("/version") != head.npos)
    return "a PyTorch model (export it with torch.onnx.export)";
  if (head.find("metadata.json") != head.npos || head.find("config.json") != head.npos)
    return "a Keras model (convert it with tf2onnx)";
  return "a zip archive (unpack it first; PyTorch and Keras save models so: export them to ONNX)";
}

// A length of eight bytes, then JSON.
bool is_safetensors(std::string_view bytes) {
  return starts_with(bytes, 8, "{\"") && bytes.size() > 10 && bytes.substr(4, 4) == "\0\0\0\0"sv;
}

std::string text(std::string_view bytes) {
  size_t begin = starts_with(bytes, 0, "\xef\xbb\xbf") ? 3 : 0;
  while (begin < bytes.size() && std::isspace(static_cast<unsigned char>(bytes[begin]))) ++begin;
  const std::string_view body = bytes.substr(begin, 4096);
  if (starts_with(body, 0, "{") || starts_with(body, 0, "[")) return "JSON text";
  if (starts_with(body, 0, "graph @") || starts_with(body, 0, "//"))
    return "a graph in cnnc's text form (use cnnc opt)";
  if (starts_with(body, 0, "ir_version:") || starts_with(body, 0, "graph {"))
    return "a model in protobuf's text form (convert it with onnx.load and onnx.save)";
  if (!starts_with(body, 0, "<")) return {};
  if (starts_with(body, 0, "<!") || starts_with(body, 0, "<html"))
    return "an HTML page (the download went wrong)";
  if (starts_with(body, 0, "<?xml") || starts_with(body, 0, "<net"))
    return "XML text (OpenVINO saves models so)";
  if (body.find("ir_version") != body.npos || body.find("opset_import") != body.npos)
    return "a model in ONNX's text form (convert it with onnx.parser and onnx.save)";
  return {};
}

}  // namespace

std::string foreign_format(std::string_view bytes) {
  if (starts_with(bytes, 0, "PK\x03\x04")) return archive(bytes);
  for (const Signature& signature : kSignatures)
    if (starts_with(bytes, signature.offset, signature.bytes)) return signature.format;
  if (is_safetensors(bytes))
    return "a safetensors file (it holds weights without a graph; export the model to ONNX)";
  return text(bytes);
}

}  // namespace cnnc
