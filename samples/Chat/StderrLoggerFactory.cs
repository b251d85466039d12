using Microsoft.Extensions.Logging;

namespace ChatSample;

/// <summary>Writes the library's log to standard error, a line an entry.</summary>
internal sealed class StderrLoggerFactory : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Logger(categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("this log goes to standard error only");

    public void Dispose()
    {
        // Nothing is held: standard error is the process's own.
    }

    private sealed class Logger(string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is not (LogLevel.None or LogLevel.Trace);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Console.Error.WriteLine($"{logLevel}: {category}: {formatter(state, exception)} {exception?.Message}".TrimEnd());
        }
    }
}
