// Sizes and names of the element types in runtime/cnnc.h.
#include "runtime/cnnc.h"

namespace {

struct ElementType {
  uint8_t bits;
  const char* name;
};

constexpr ElementType kTypes[] = {
    {0, "?"},     {32, "f32"},       {8, "u8"},           {8, "i8"},       {16, "u16"},
    {16, "i16"},  {32, "i32"},       {64, "i64"},         {64, "string"},   {8, "bool"},
    {16, "f16"},  {64, "f64"},       {32, "u32"},         {64, "u64"},     {64, "c64"},
    {128, "c128"}, {16, "bf16"},     {8, "f8e4m3fn"},     {8, "f8e4m3fnuz"}, {8, "f8e5m2"},
    {8, "f8e5m2fnuz"}, {8, "u4"},    {8, "i4"},           {8, "f4e2m1"},   {8, "f8e8m0"},
    {8, "u2"},    {8, "i2"},
};

const ElementType& element_type(int32_t dtype) {
  constexpr int32_t count = sizeof kTypes / sizeof *kTypes;
  return kTypes[dtype > 0 && dtype < count ? dtype : 0];
}

} // namespace

uint32_t cnnc_dtype_bits(int32_t dtype) { return element_type(dtype).bits; }

const char* cnnc_dtype_name(int32_t dtype) { return element_type(dtype).name; }
