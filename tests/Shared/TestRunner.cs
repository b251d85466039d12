using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Moe.Inference.Tests.Shared;

/// <summary>Runs the tests of this assembly in this process, without an SDK.</summary>
internal static class TestRunner
{
    /// <summary>Names all tests instead of running them.</summary>
    public const string List = "--list";

    /// <summary>Runs the tests whose names contain any of some parts, or all of them without any, and prints what came of each.</summary>
    /// <param name="parts">The parts; or only <see cref="List"/>.</param>
    /// <returns>0 if some ran and none failed, otherwise 1.</returns>
    public static int Run(IReadOnlyCollection<string> parts)
    {
        using XunitTestFramework framework = new(new Silence());
        AssemblyName name = typeof(TestRunner).Assembly.GetName();
        Discovery discovery = new();
        Options options = new();
        framework.GetDiscoverer(new ReflectionAssemblyInfo(typeof(TestRunner).Assembly)).Find(false, discovery, options);
        discovery.Finished.WaitOne();
        if (parts.SequenceEqual([List]))
        {
            foreach (string test in discovery.Cases.Select(test => test.DisplayName).Order(StringComparer.Ordinal))
                Console.WriteLine(test);
            return 0;
        }

        ITestCase[] chosen = [.. discovery.Cases.Where(test => parts.Count == 0 || parts.Any(part => test.DisplayName.Contains(part, StringComparison.OrdinalIgnoreCase)))];
        using Results results = new();
        framework.GetExecutor(name).RunTests(chosen, results, options);
        results.Finished.WaitOne();
        Console.WriteLine($"{results.Passed} passed, {results.Failed} failed, {results.Skipped} skipped");
        return results.Failed > 0 || results.Passed == 0 ? 1 : 0;
    }

    private sealed class Silence : LongLivedMarshalByRefObject, IMessageSink
    {
        public bool OnMessage(IMessageSinkMessage message) => true;
    }

    private sealed class Discovery : LongLivedMarshalByRefObject, IMessageSink
    {
        public ManualResetEvent Finished { get; } = new(false);

        public List<ITestCase> Cases { get; } = [];

        public bool OnMessage(IMessageSinkMessage message)
        {
            if (message is ITestCaseDiscoveryMessage found)
                Cases.Add(found.TestCase);
            if (message is IDiscoveryCompleteMessage)
                Finished.Set();
            return true;
        }
    }

    private sealed class Results : LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public ManualResetEvent Finished { get; } = new(false);

        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public int Skipped { get; private set; }

        public bool OnMessage(IMessageSinkMessage message)
        {
            switch (message)
            {
                case ITestPassed passed:
                    Passed++;
                    Say("passed", passed);
                    break;
                case ITestSkipped skipped:
                    Skipped++;
                    Say("skipped", skipped, skipped.Reason);
                    break;
                // A test that skips itself ends by an exception of this name.
                case ITestFailed failed when failed.ExceptionTypes.FirstOrDefault()?.EndsWith("SkipException", StringComparison.Ordinal) == true:
                    Skipped++;
                    Say("skipped", failed, failed.Messages[0]);
                    break;
                case ITestFailed failed:
                    Failed++;
                    Say("FAILED", failed, $"{string.Join("\n", failed.Messages)}\n{failed.StackTraces.FirstOrDefault()}");
                    break;
                case ITestAssemblyFinished:
                    Finished.Set();
                    break;
            }

            return true;
        }

        public void Dispose() => Finished.Dispose();

        private void Say(string outcome, ITestResultMessage result, string? more = null) =>
            Console.WriteLine($"{Stopwatch.GetElapsedTime(_start).TotalSeconds,7:0.0} s  {outcome}  {result.Test.DisplayName} ({result.ExecutionTime:0.00} s){(more is null ? "" : $"\n{more}")}");
    }

    private sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly ConcurrentDictionary<string, object?> _values = new(StringComparer.Ordinal) { ["xunit.execution.DisableParallelization"] = (bool?)true };

        public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
    }
}
