#include <csetjmp>
#include <cstdio>
// jpeglib.h needs the declarations above.
#include <jpeglib.h>

#include "frontend/data/image_file.h"
#include "ir/error.h"

namespace cnnc::dsl {

namespace {

// libjpeg leaves a call by longjmp when it cannot go on; warnings it only counts.
struct Faults {
  jpeg_error_mgr manager;  // first: libjpeg's pointer to it is one to this
  jmp_buf leave;
  char message[JMSG_LENGTH_MAX] = "";
};

void keep_message(j_common_ptr info) { info->err->format_message(info, reinterpret_cast<Faults*>(info->err)->message); }
[[noreturn]] void leave(j_common_ptr info) {
  keep_message(info);
  longjmp(reinterpret_cast<Faults*>(info->err)->leave, 1);
}

class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&faults_.manager);
    faults_.manager.error_exit = leave;
    faults_.manager.output_message = keep_message;
    jpeg_create_decompress(&info_);
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;

  // No object with a destructor lives in the functions that longjmp may leave.
  bool read_header(const std::vector<uint8_t>& bytes) {
    if (setjmp(faults_.leave) != 0) return false;
    jpeg_mem_src(&info_, bytes.data(), bytes.size());
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = JCS_EXT_RGBA;
    return true;
  }
  bool read_pixels(uint8_t* to) {
    if (setjmp(faults_.leave) != 0) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = to + size_t{4} * info_.output_width * info_.output_scanline;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return faults_.manager.num_warnings == 0;
  }
  uint32_t height() const { return info_.image_height; }
  uint32_t width() const { return info_.image_width; }
  const char* message() const { return faults_.message; }

 private:
  jpeg_decompress_struct info_{};
  Faults faults_{};
};

}  // namespace

Pixels decode_jpeg(const std::vector<uint8_t>& bytes, const std::string& path) {
  Decoder decoder;
  const auto need = [&](bool ok) {
    if (!ok)
      throw Error(cat(path, ": the JPEG image is damaged or cut short (", decoder.message(), ")"), Fault::file);
  };
  need(decoder.read_header(bytes));
  require_image_size(decoder.height(), decoder.width(), path);
  Pixels pixels{decoder.height(), decoder.width(), {}};
  pixels.rgba.resize(size_t{4} * decoder.height() * decoder.width());
  need(decoder.read_pixels(pixels.rgba.data()));
  return pixels;
}

}  // namespace cnnc::dsl
