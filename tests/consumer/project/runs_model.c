/* The model that the other program has saved, compiled into this one. */
#include <math.h>
#include <stdio.h>

#include "digits.h"

int main(void) {
  static float image[64], scores[3];
  cnnc_executable* exe;
  if (cnnc_create(&cnnc_model_digits, NULL, &exe) != CNNC_OK) return 1;
  const cnnc_tensor_view in = digits_input_0(image, 1);
  cnnc_tensor_view out = digits_output_0(scores, sizeof scores);
  if (cnnc_run(exe, &in, 1, &out, 1) != CNNC_OK) {
    puts(cnnc_last_error(exe));
    return 1;
  }
  cnnc_destroy(exe);
  const float sum = scores[0] + scores[1] + scores[2];
  printf("compiled in, probabilities add up to %.3f\n", sum);
  return fabsf(sum - 1) < 1e-5f ? 0 : 1;
}
