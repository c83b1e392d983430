// main() of a compiled executable; the object file that cnnc makes brings `cnnc_model`.
#include "runtime/executable_main.h"

extern "C" const struct cnnc_model cnnc_model;

int main(int argc, char** argv) { return cnnc::executable_main(&cnnc_model, argc, argv); }
