// Images and folders of images: what is read, and what is said of files that are wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
// jpeglib.h needs the declarations above.
#include <jpeglib.h>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

namespace fs = std::filesystem;

class ImageTest : public FolderTest {
 protected:
  // One colour for all pixels.
  void write_png(const std::string& name, const std::vector<float>& colour, int64_t height = 2, int64_t width = 2) const {
    std::vector<float> pixels;
    for (const float value : colour) pixels.insert(pixels.end(), static_cast<size_t>(height * width), value);
    data::save_png(path(name), Array({static_cast<int64_t>(colour.size()), height, width}, pixels));
  }
  void write_jpeg(const std::string& name, uint8_t grey) const {
    FILE* file = std::fopen(path(name).c_str(), "wb");
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, file);
    info.image_width = info.image_height = 16;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    std::vector<uint8_t> row(16, grey);
    JSAMPROW rows[] = {row.data()};
    for (int i = 0; i < 16; ++i) jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::fclose(file);
  }
};

std::string numbered_png(const std::string& folder, int i) { return folder + "/" + std::to_string(i) + ".png"; }

TEST_F(ImageTest, PngKeepsPixels) {
  const Array image({3, 1, 2}, std::vector<uint8_t>{0, 255, 51, 102, 153, 204});
  data::save_png(path("a.png"), image.scaled(1 / 255.0));
  const Array again = data::image(path("a.png"));
  EXPECT_EQ(again.type(), "u8[3,1,2]");
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(again.data<uint8_t>()[i], image.at(i));
  const Array grey = data::image(path("a.png"), {.color_mode = data::ColorMode::grayscale});
  EXPECT_EQ(grey.data<uint8_t>()[1], std::lround(0.299 * 255 + 0.587 * 102 + 0.114 * 204));
}

TEST_F(ImageTest, TransparencyIsAChannelOrLeftOut) {
  write_png("a.png", {0.2f, 0.4f, 0.6f, 0.2f});
  EXPECT_NEAR(data::image(path("a.png"), {.color_mode = data::ColorMode::rgba}).at(12), 0.2, 1e-6);
  const Array colours = data::image(path("a.png"));
  EXPECT_EQ(colours.shape()[0], 3);
  EXPECT_NEAR(colours.at(4), 0.4, 1e-6);
}

TEST_F(ImageTest, ReadsJpeg) {
  write_jpeg("a.jpg", 77);
  const Array image = data::image(path("a.jpg"));
  EXPECT_EQ(image.type(), "u8[3,16,16]");
  EXPECT_NEAR(image.data<uint8_t>()[300], 77, 1);
}

// Half-pixel centres, as Keras' Resizing of the same pixels.
TEST_F(ImageTest, ResizesAndCrops) {
  const std::vector<uint8_t> pixels{0, 7, 14, 1, 8, 15, 2, 9, 16, 3, 10, 17, 4, 11, 18, 5, 12, 19, 6, 13};
  data::save_png(path("a.png"), Array({1, 4, 5}, pixels).scaled(1 / 255.0));
  const auto expect_pixels = [&](const data::ImageOptions& options, const std::vector<double>& expected) {
    const Array image = data::image(path("a.png"), options);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(image.data<uint8_t>()[i], expected[i], 0.51) << i;
  };
  const auto grey = data::ColorMode::grayscale;
  expect_pixels({.height = 3, .width = 7, .color_mode = grey},
                {2.5, 4.5952, 8.1667, 13.167, 6.2619, 5.0714, 7.1667, 12.5, 10.786, 8.6429, 6.5, 11.5, 12.214, 10.5,
                 5.8333, 9.8333, 13.881, 16.5, 9.5952, 9.8333, 13.833});
  expect_pixels({.height = 3, .width = 3, .color_mode = grey, .crop_to_aspect_ratio = true},
                {3.1111, 9.6667, 5.1111, 12, 8, 12.333, 7, 14.667, 8.4444});
}

TEST_F(ImageTest, FolderHasSortedClassesAndASplit) {
  for (int i = 0; i < 6; ++i) write_png(numbered_png("dogs", i), {0.2f, 0.2f, 0.2f});
  for (int i = 0; i < 4; ++i) write_png(numbered_png("cats/inner", i), {0.8f, 0.8f, 0.8f}, 3, 5);
  write("dogs/readme.txt", "no image");
  write(".hidden/x.png", "no image");
  const auto set = data::image_folder(folder_, {.height = 4, .width = 3, .seed = 5, .validation_split = 0.35});
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"cats", "dogs"}));
  EXPECT_EQ(set.train.x.type(), "u8[7,3,4,3]");
  EXPECT_EQ(set.validation.x.type(), "u8[3,3,4,3]");
  for (int64_t i = 0; i < 7; ++i) EXPECT_NEAR(set.train.x.at(i * 36), set.train.y.at(i) == 0 ? 0.8 : 0.2, 1e-6);
  const auto sorted = data::image_folder(folder_, {.height = 1, .width = 1, .class_names = {"dogs", "cats"}, .shuffle = false});
  EXPECT_EQ(sorted.train.y.at(0), 0);
  EXPECT_EQ(sorted.train.y.at(9), 1);
  EXPECT_TRUE(sorted.validation.x.empty());
}

TEST_F(ImageTest, WrongFilesAreFaults) {
  write("text.png", "hello");
  expect_fault([&] { data::image(path("text.png")); }, {"text.png", "neither a PNG nor a JPEG"});
  write("empty.png", "");
  expect_fault([&] { data::image(path("empty.png")); }, {"empty.png", "is empty"});
  write_png("whole.png", {0.1f, 0.5f, 0.9f}, 40, 40);
  fs::resize_file(path("whole.png"), 60);
  expect_fault([&] { data::image(path("whole.png")); }, {"whole.png", "PNG image is damaged or cut short"});
  write_jpeg("whole.jpg", 30);
  fs::resize_file(path("whole.jpg"), fs::file_size(path("whole.jpg")) - 8);
  expect_fault([&] { data::image(path("whole.jpg")); }, {"whole.jpg", "JPEG image is damaged or cut short"});
  fs::resize_file(path("whole.jpg"), 30);
  expect_fault([&] { data::image(path("whole.jpg")); }, {"whole.jpg", "JPEG image is damaged or cut short"});
  expect_fault([&] { data::image(path("none.png")); }, {"none.png", "No such file"});
  expect_fault([&] { data::image(path("text.png"), {.height = 3}); }, {"3 x 0"});
  expect_fault([&] { data::save_png(path("x.png"), Array({2, 2}, std::vector<float>(4))); }, {"f32[2,2]"});
  expect_fault([&] { data::save_png(path("no") + "/x.png", Array({1, 1, 1}, std::vector<float>(1))); }, {"cannot write"});
}

TEST_F(ImageTest, WrongFoldersAreFaults) {
  expect_fault([&] { data::image_folder(folder_ / "none"); }, {"none: is no folder"});
  expect_fault([&] { data::image_folder(folder_); }, {"has no folders"});
  fs::create_directories(folder_ / "cats");
  expect_fault([&] { data::image_folder(folder_); }, {"has no PNG or JPEG images"});
  expect_fault([&] { data::image_folder(folder_, {.class_names = {"dogs"}}); }, {"no folder 'dogs'", "it has cats"});
  expect_fault([&] { data::image_folder(folder_, {.class_names = {"cats", "cats"}}); }, {"'cats' twice"});
  expect_fault([&] { data::image_folder(folder_, {.validation_split = 1}); }, {"validation_split is 1"});
  write_png("cats/a.png", {0.5f});
  write_png("cats/b.png", {0.5f}, 3, 4);
  expect_fault([&] { data::image_folder(folder_, {.height = 0, .width = 0, .shuffle = false}); }, {"b.png", "3 x 4", "2 x 2"});
  write("cats/c.png", "broken");
  expect_fault([&] { data::image_folder(folder_); }, {"c.png", "neither a PNG nor a JPEG"});
  write("cats/d.gif", "GIF89a");
  expect_fault([&] { data::image_folder(folder_); }, {"d.gif", "only PNG and JPEG"});
}

}  // namespace
