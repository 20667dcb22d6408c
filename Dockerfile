# The server of "sept serve" with an exported model in /model. Not built by the tests.
FROM python:3.12-slim
COPY setup.cfg pyproject.toml README.md LICENSE /source/
COPY sept_runtime /source/sept_runtime
RUN pip install --no-cache-dir '/source[serve]' && rm -rf /source \
 && useradd --create-home sept
USER sept
EXPOSE 8000
CMD ["sept", "serve", "--model", "/model", "--host", "0.0.0.0"]
