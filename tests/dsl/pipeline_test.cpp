// Pipelines: what they give, in which order, and what they say of faults.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/points.h"

using namespace cnnc;

namespace {

// Samples 0, 1, 2, ... with twice that as the label.
Pipeline counting(int64_t count) {
  Array x = Array::zeros<float>({count, 1}), y = Array::zeros<int32_t>({count});
  for (int64_t i = 0; i < count; ++i) {
    x.mutable_data<float>()[i] = static_cast<float>(i);
    y.mutable_data<int32_t>()[i] = static_cast<int32_t>(2 * i);
  }
  return Pipeline(Dataset{x, y});
}

std::vector<double> numbers(const Pipeline& pipeline) {
  std::vector<double> result;
  for (const Sample& sample : pipeline)
    for (int64_t i = 0; i < sample.x[0].size(); ++i) result.push_back(sample.x[0].at(i));
  return result;
}

using Numbers = std::vector<double>;

TEST(Pipeline, GivesRowsWithoutTheBatchAxis) {
  for (const Sample& sample : counting(3)) {
    EXPECT_EQ(sample.x[0].type(), "f32[1]");
    EXPECT_EQ(sample.y[0].type(), "i32[]");
    EXPECT_EQ(sample.y[0].at(0), 2 * sample.x[0].at(0));
  }
}

TEST(Pipeline, TakesSkipsRepeatsAndConcatenates) {
  EXPECT_EQ(numbers(counting(5).take(2)), (Numbers{0, 1}));
  EXPECT_EQ(numbers(counting(5).skip(3)), (Numbers{3, 4}));
  EXPECT_EQ(numbers(counting(2).repeat(3)), (Numbers{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(numbers(counting(2).repeat().take(5)), (Numbers{0, 1, 0, 1, 0}));
  EXPECT_EQ(numbers(counting(2).concatenate(counting(5).skip(4))), (Numbers{0, 1, 4}));
  EXPECT_EQ(numbers(counting(3).skip(9).repeat()), Numbers{});
}

TEST(Pipeline, KnowsItsSize) {
  EXPECT_EQ(counting(5).take(9).size(), 5);
  EXPECT_EQ(counting(5).skip(2).size(), 3);
  EXPECT_EQ(counting(5).repeat(2).concatenate(counting(1)).size(), 11);
  EXPECT_EQ(counting(5).batch(2).size(), 3);
  EXPECT_EQ(counting(5).batch(2, true).size(), 2);
  EXPECT_FALSE(counting(5).repeat().size());
  EXPECT_FALSE(counting(5).filter([](const Sample&) { return true; }).size());
}

TEST(Pipeline, MapsAndFilters) {
  const auto odd = [](const Sample& s) { return static_cast<int>(s.x[0].at(0)) % 2 == 1; };
  const auto plus_ten = [](Sample s) {
    s.x[0] = Array({1}, std::vector<float>{static_cast<float>(s.x[0].at(0)) + 10});
    return s;
  };
  EXPECT_EQ(numbers(counting(6).filter(odd).map(plus_ten)), (Numbers{11, 13, 15}));
}

TEST(Pipeline, BatchesKeepTheScaleAndTheRest) {
  const Array bytes = Array({5, 2}, std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).scaled(0.5);
  std::vector<std::string> types;
  for (const Sample& batch : Pipeline(Dataset{bytes, {}}).batch(2)) {
    types.push_back(batch.x[0].type());
    EXPECT_EQ(batch.x[0].scale(), 0.5);
    EXPECT_TRUE(batch.y.empty());
  }
  EXPECT_EQ(types, (std::vector<std::string>{"u8[2,2]", "u8[2,2]", "u8[1,2]"}));
  EXPECT_EQ(numbers(counting(5).batch(2, true)), (Numbers{0, 1, 2, 3}));
}

TEST(Pipeline, ShufflesAnewInEachRunByTheSeed) {
  const Pipeline once = counting(50).shuffle(50, 3), again = counting(50).shuffle(50, 3);
  const Numbers first = numbers(once), second = numbers(once);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, numbers(again));
  EXPECT_EQ(second, numbers(again));
  EXPECT_NE(first, numbers(counting(50).shuffle(50, 4)));
  EXPECT_EQ(std::set<double>(first.begin(), first.end()).size(), 50u);
}

TEST(Pipeline, ShuffleReachesAsFarAsItsBuffer) {
  const Numbers order = numbers(counting(50).shuffle(4));
  for (size_t i = 0; i < order.size(); ++i) EXPECT_LT(order[i], static_cast<double>(i) + 4);
}

TEST(Pipeline, GeneratorsStartAnewInEachRun) {
  const Pipeline squares([]() -> Pipeline::Next {
    return [i = 0]() mutable -> std::optional<Sample> {
      if (i == 3) return {};
      const float x = static_cast<float>(i * i);
      ++i;
      return Sample{{Array({1}, std::vector<float>{x})}, {}};
    };
  });
  EXPECT_EQ(numbers(squares), (Numbers{0, 1, 4}));
  EXPECT_EQ(numbers(squares.batch(2)), (Numbers{0, 1, 4}));
}

TEST(Pipeline, PrefetchWorksOnAnotherThreadAndNotTooFarAhead) {
  std::atomic<int> made{0};
  std::thread::id worker;
  const Pipeline pipeline = counting(100)
                                .map([&](Sample s) {
                                  ++made;
                                  worker = std::this_thread::get_id();
                                  return s;
                                })
                                .prefetch(3);
  {
    const Pipeline::Next next = pipeline.run();
    EXPECT_EQ(next()->x[0].at(0), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(made, 5);  // one taken, three held, one waiting for its place
    EXPECT_NE(worker, std::this_thread::get_id());
  }
  EXPECT_EQ(numbers(pipeline), numbers(counting(100)));
}

TEST(Pipeline, FaultsComeOutBehindTheSamplesBeforeThem) {
  const Pipeline pipeline = counting(5)
                                .map([](Sample s) -> Sample {
                                  if (s.x[0].at(0) == 2) throw std::runtime_error("third sample is broken");
                                  return s;
                                })
                                .prefetch();
  const Pipeline::Next next = pipeline.run();
  EXPECT_EQ(next()->x[0].at(0), 0);
  EXPECT_EQ(next()->x[0].at(0), 1);
  EXPECT_EQ(fault_of([&] { next(); }), "third sample is broken");
}

// ---- models ----------------------------------------------------------------------------------------------------------
// y = 2 x.
Dataset doubles(int64_t count) {
  std::vector<float> x, y;
  for (int64_t i = 0; i < count; ++i) {
    x.push_back(static_cast<float>(i % 7) - 3);
    y.push_back(2 * x.back());
  }
  return {Array({count, 1}, x), Array({count, 1}, y)};
}

Model line() {
  set_random_seed(1);
  const Tensor x = input({1});
  Model model(x, Dense(1)(x));
  model.compile(SGD{.learning_rate = 0.05}, MeanSquaredError{});
  return model;
}

TEST(PipelineFit, IsTheSameAsFromArrays) {
  Model arrays = line(), pipeline = line();
  FitOptions options = quiet(2);
  options.shuffle = false;
  options.batch_size = 8;
  const History expected = arrays.fit(doubles(30), options);
  const History batched = pipeline.fit(Pipeline(doubles(30)).batch(8).prefetch(), quiet(2));
  EXPECT_EQ(arrays.weight("dense/kernel").at(0), pipeline.weight("dense/kernel").at(0));
  EXPECT_EQ(expected.history.at("loss"), batched.history.at("loss"));
  Model samples = line();
  FitOptions by_eight = quiet(2);
  by_eight.batch_size = 8;
  samples.fit(Pipeline(doubles(30)), by_eight);
  EXPECT_EQ(arrays.weight("dense/kernel").at(0), samples.weight("dense/kernel").at(0));
}

TEST(PipelineFit, ValidatesEvaluatesAndPredicts) {
  Model model = line();
  const Pipeline data = Pipeline(doubles(40)).batch(16);
  const History history = model.fit(data, Pipeline(doubles(10)), quiet(20));
  EXPECT_LT(history.history.at("val_loss").back(), 1e-3);
  EXPECT_EQ(model.evaluate(data, {.verbose = Verbose::silent})[0],
            model.evaluate(doubles(40), {.batch_size = 16, .verbose = Verbose::silent})[0]);
  const Array expected = model.predict(doubles(40).x), found = model.predict(data)[0];
  ASSERT_EQ(found.shape(), expected.shape());
  for (int64_t i = 0; i < 40; ++i) EXPECT_EQ(found.at(i), expected.at(i));
}

TEST(PipelineFit, StepsPerEpochGoOnWhereTheEpochEnded) {
  std::vector<double> seen;
  const Pipeline data = Pipeline(doubles(5)).map([&](Sample s) {
    seen.push_back(s.x[0].at(0));
    return s;
  });
  FitOptions options = quiet(2);
  options.steps_per_epoch = 3;
  Model model = line();
  model.fit(data.batch(1).repeat(), options);
  EXPECT_EQ(seen, (Numbers{-3, -2, -1, 0, 1, -3}));
}

TEST(PipelineFit, FaultsSayWhatToDo) {
  Model model = line();
  FitOptions options = quiet(1);
  options.validation_split = 0.1;
  expect_fault([&] { model.fit(Pipeline(doubles(4)), options); }, {"give fit() a pipeline to validate with"});
  options = quiet(1);
  options.sample_weight = Array({4}, std::vector<float>(4));
  expect_fault([&] { model.fit(Pipeline(doubles(4)), options); }, {"sample_weight does not go with a pipeline"});
  expect_fault([&] { model.fit(Pipeline(doubles(4)).take(0), quiet(1)); }, {"the pipeline gives no samples"});
  expect_fault([&] { model.fit(counting(4).map([](Sample s) { s.x[0] = Array({3}, std::vector<float>(3)); return s; }), quiet(1)); },
               {"f32[4,3]"});
}

TEST(Pipeline, FaultsSayWhatWasFound) {
  expect_fault([] { counting(3).batch(0); }, {"the size of a batch is 0"});
  expect_fault([] { counting(3).batch(2).batch(2); }, {"batch was called on batches"});
  expect_fault([] { counting(3).shuffle(0); }, {"the buffer of shuffle is 0"});
  expect_fault([] { counting(3).take(-1); }, {"take was given -1"});
  expect_fault([] { counting(3).concatenate(counting(3).batch(1)); }, {"batches after samples"});
  expect_fault([] { Pipeline(Dataset{Array({2}, std::vector<float>(2)), Array({3}, std::vector<float>(3))}); },
               {"f32[2] and f32[3]"});
  const Pipeline ragged = counting(4).map([](Sample s) {
    if (s.x[0].at(0) == 1) s.x[0] = Array({2}, std::vector<float>(2));
    return s;
  });
  expect_fault([&] { numbers(ragged.batch(2)); }, {"samples of a batch differ: f32[1] and f32[2]"});
}

}  // namespace
