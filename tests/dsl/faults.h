// What messages say.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

// The message of what `act` throws; empty when it throws nothing.
inline std::string fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

inline void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

inline void expect_fault(const std::function<void()>& act, const std::vector<std::string>& parts) {
  expect_contains(fault_of(act), parts);
}
