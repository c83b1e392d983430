// main() of a compiled trainer; the object files that cnnc makes bring the programs and the record.
#include "runtime/training/trainer.h"

extern "C" {
extern const cnnc_model cnnc_model_training;
extern const cnnc_model cnnc_model_other_batches __attribute__((weak));
extern const cnnc_model cnnc_model_evaluation __attribute__((weak));
extern const cnnc::TrainerRecord cnnc_trainer_record;
}

int main(int argc, char** argv) {
  const cnnc::TrainerModels models = {&cnnc_model_training, &cnnc_model_other_batches,
                                      &cnnc_model_evaluation};
  return cnnc::trainer_main(cnnc_trainer_record, models, argc, argv);
}
