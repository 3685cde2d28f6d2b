# The app for a team, behind a proxy that authenticates: docs/app.md says what it does not do itself.
FROM python:3.13-slim
WORKDIR /package
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY fixtures fixtures
COPY xenograft xenograft
RUN pip install --no-cache-dir ".[app]" && useradd --create-home --uid 1000 app && install -d -o app /data
USER app
# machine code lies with the work, or every new container would make it again
ENV XENOGRAFT_APP=/data NUMBA_CACHE_DIR=/data/machine-code
VOLUME /data
EXPOSE 8000
CMD ["xenograft", "app", "--no-browser", "--host", "0.0.0.0", "--port", "8000"]
